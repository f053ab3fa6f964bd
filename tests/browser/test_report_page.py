"""The report in headless Chromium, opened as a file: its height, its folds, what it took, phones, dark."""

from __future__ import annotations

import pytest
from chromium import Page
from reported import build, settings

from evobuild.process.run_journal import StageRun
from evobuild.process.run_script import run_script
from evobuild.reporting import report

SCREENS = 2.5 * 1080
"""Pixels that the report of a line may be high before anything is folded out."""


@pytest.fixture(scope="session")
def page():
    with Page() as opened:
        yield opened


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("reported")
    (root / "report.html").write_text(report.report_page(settings(), build(root)), encoding="utf-8")
    (root / "explorer").mkdir()
    (root / "explorer/index.html").write_text("<!doctype html><title>explorer</title>")
    return root


@pytest.fixture
def shown(page, folder):
    """A function that opens the page at a width; whatever a test did, no script failed or fetched."""

    def open_at(width=1920, height=1080, fragment=""):
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        page.call("Emulation.setDeviceMetricsOverride", **size)
        page.errors.clear()
        page.asked.clear()
        page.open((folder / "report.html").as_uri() + fragment)
        return page

    (folder / "run.js").write_text(run_script([]))
    yield open_at
    page.call("Emulation.clearDeviceMetricsOverride")
    assert page.errors == []
    assert all(url.startswith(("file://", "about:")) for url in page.asked)


def test_before_its_folds_the_report_takes_two_and_a_half_screens(shown):
    page = shown()
    assert page.run("document.documentElement.scrollHeight") <= SCREENS
    assert page.run("document.querySelectorAll('details[open]').length") == 0
    # What came out, the verdict and what it took are on the first screen.
    assert page.run("document.getElementById('cost').getBoundingClientRect().top") < 1080


@pytest.mark.parametrize("everything", [False, True], ids=["folded", "unfolded"])
@pytest.mark.parametrize("width", [360, 768, 1920])
def test_nothing_makes_the_page_wider_than_the_screen(shown, width, everything):
    page = shown(width, 800)
    if everything:
        page.run("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert page.run("document.documentElement.scrollWidth") <= width


def test_a_link_opens_the_part_that_it_leads_to(shown):
    page = shown(fragment="#evaluation")
    opened = "[...document.querySelectorAll('details[open] h2')].map((each) => each.id)"
    assert page.run(opened) == ["evaluation"]
    page.wait("Math.abs(document.getElementById('evaluation').getBoundingClientRect().top) < 1080")
    page.run("location.hash = '#choice'")
    page.wait(f"{opened}.includes('dataset')")
    page.run("location.hash = '#no such part'")


def test_paper_shows_what_was_folded(shown):
    page = shown()
    page.run("dispatchEvent(new Event('beforeprint'))")
    assert page.run("document.querySelectorAll('details.part:not([open])').length") == 0


def test_what_it_took_is_summed_over_all_stages(shown, folder):
    runs = [
        StageRun("evolve@r2", "2026-01-01T10:05+00:00", 61.2, "abc", "1.0", 10, 8, calls=4, cost=0.25),
        StageRun("evolve@r1", "2026-01-01T10:00+00:00", 60.0, "abc", "1.0", 10, 9, calls=6, stored=3, cost=1),
        StageRun("score", "2026-01-01T10:09+00:00", 3600.0, "def", "1.0", prompt_tokens=5),
        StageRun("evolve@gone", "2026-01-01T11:00+00:00", 9e9, "ghi", "1.0"),
    ]  # fmt: skip
    (folder / "run.js").write_text(run_script(runs))
    page = shown()
    said = page.run("document.getElementById('took').textContent")
    assert said.startswith(
        "1 h 02 min in all stages, each in its last run: score 1 h 00 min, evolve 2 min 01 s."
    )
    assert "10 calls (3 more were answered by stored replies), 5 tokens, cost 1.25." in said
    assert "more stages no run is known here." in said
    cells = "(row) => [...row.cells].map((cell) => cell.textContent)"
    rows = f"[...document.querySelectorAll('#runs tr')].map({cells})"
    evolve, score, every = page.run(rows)[1:]
    assert evolve == ["evolve", "2", "20", "17", "10", "3", "0", "1.25", "2 min 01 s"]
    assert score[0] == "score" and every[0] == "All" and every[-1] == "1 h 02 min"
    assert (
        page.run("document.getElementById('commit').textContent")
        == "Commit def, some stages at 1 other; evobuild 1.0."
    )


def test_a_cost_that_is_unknown_is_said(shown, folder):
    (folder / "run.js").write_text(run_script([StageRun("score", cost=None), StageRun("seed", cost=2.0)]))
    assert "cost unknown" in shown().run("document.getElementById('took').textContent")


def test_text_of_a_run_stays_text(shown, folder):
    hostile = "<img src=x onerror='window.hacked = 1'>"
    (folder / "run.js").write_text(run_script([StageRun("score", commit=hostile, version=hostile)]))
    page = shown()
    assert hostile in page.run("document.getElementById('commit').textContent")
    assert page.run("[document.images.length, window.hacked ?? 0]") == [0, 0]


def test_without_its_runs_the_page_says_where_they_are(page, folder):
    (folder / "run.js").unlink(missing_ok=True)
    page.open((folder / "report.html").as_uri())
    assert "data/run.js" in page.run("document.getElementById('took').textContent")
    assert page.run("document.getElementById('runs').hidden") is True
    page.errors.clear()


def test_dark_is_dark_and_its_text_is_readable(shown):
    page = shown()
    colours = "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    try:
        found = {}
        for scheme in ("light", "dark"):
            page.call(
                "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}]
            )
            found[scheme] = [sum(map(int, each[4:-1].split(","))) for each in page.run(colours)]
    finally:
        page.call("Emulation.setEmulatedMedia", features=[])
    assert found["light"][0] > found["light"][1] + 400 and found["dark"][1] > found["dark"][0] + 400


def test_any_two_measures_can_be_drawn_against_each_other(shown):
    page = shown(fragment="#chosen")
    assert page.run("[...document.getElementById('across').options].map((each) => each.value)")[0] == "words"
    count = "document.querySelectorAll('#points-chart circle').length"
    assert page.run(count) == 12
    for name in page.run("Object.keys(drawn.metrics)"):
        page.run(
            f"""(() => {{ const field = document.getElementById("up"); field.value = "{name}";
            field.dispatchEvent(new Event("change", {{bubbles: true}})); }})()"""
        )
        known = page.run(f"drawn.values['{name}'].filter((value) => value !== null).length")
        assert page.run(count) == known
        assert page.run("drawn.metrics[document.getElementById('up').value]") in page.run(
            "document.getElementById('points-chart').getAttribute('aria-label')"
        )
    assert "r2 1 of 4" in page.run("document.getElementById('pools-chart').getAttribute('aria-label')")
    assert page.run("rankCorrelation([1, 2, 3, 3], [9, 5, 2, 2])") == -1
    assert page.run("rankCorrelation([1, 1], [1, 2])") is None


def test_a_point_leads_to_its_row(shown):
    page = shown(fragment="#chosen")
    target = page.run(
        """(() => { const point = document.querySelector("#points-chart circle");
        point.dispatchEvent(new Event("click", {bubbles: true})); return drawn.id[point.dataset.row]; })()"""
    )
    page.wait(f"location.href.endsWith('explorer/index.html#{target}')")
    page.errors.clear()
