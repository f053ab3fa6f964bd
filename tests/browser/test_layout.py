"""The layout of every page in headless Chromium, on a laptop and on a phone."""

from __future__ import annotations

import evaluated
import layout
import pytest
import trees
from chromium import Page
from markupsafe import Markup
from reported import build, hostile, settings

from evobuild.reporting import (
    benchmark_chart,
    benchmark_pages,
    explorer,
    overlaid_charts,
    report,
    validation,
)

LONG = "word " * 40 + "w" * 300
"""A text that wraps, with a word that no screen is wide enough for."""


@pytest.fixture(scope="session")
def page():
    with Page() as opened:
        yield opened


@pytest.fixture
def shown(page):
    """A function that opens a page at a width; whatever a test did, no script failed."""

    def open_at(file, width):
        layout.set_screen(page, width)
        page.errors.clear()
        page.open(file.as_uri())
        return page

    yield open_at
    layout.reset_screen(page)
    assert [each for each in page.errors if "run.js" not in each and "ERR_FILE_NOT_FOUND" not in each] == []


def write_read_pages(root, text):
    """The report and the page on expectations."""
    sources = build(root, text)
    found = validation.read_results(sources.validation)
    (root / "report.html").write_text(report.report_page(settings(), sources))
    (root / "validation.html").write_text(validation.validation_page(found, "DRY RUN"))
    return root


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return write_read_pages(tmp_path_factory.mktemp("plain"), str)


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    """Pages of texts that are long and hostile, without charts: their labels are never that long."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (benchmark_chart.charts, overlaid_charts):
            patch.setattr(module, "draw_svg", lambda *_: Markup("<svg></svg>"))
        return write_read_pages(tmp_path_factory.mktemp("long"), lambda field: f"{hostile(field)} {LONG}")


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """The explorer and its pages of benchmarks."""
    root = tmp_path_factory.mktemp("searched")
    rows, where = trees.small(root), evaluated.sources_in(root)
    (root / "counts").mkdir()
    evaluated.write(where, root / "counts", rows.rejects, lambda field: f"{field} {LONG}")
    explorer.write_explorer(root / "explorer", trees.settings(), rows)
    benchmark_pages.write_benchmark_pages(root / "explorer", trees.settings(), where, rows.rejects)
    return root / "explorer"


@pytest.mark.parametrize("width", layout.SCREENS)
@pytest.mark.parametrize("name", ["report.html", "validation.html"])
@pytest.mark.parametrize("texts", ["plain", "long"])
def test_pages_that_are_read_have_no_fault(request, shown, texts, name, width):
    page = shown(request.getfixturevalue(texts) / name, width)
    layout.unfold(page)
    assert page.run("document.querySelectorAll('tr').length") > 3
    assert layout.find_faults(page) == []


@pytest.mark.parametrize("width", layout.SCREENS)
@pytest.mark.parametrize(
    ("name", "key", "part"),
    [("index", "c-r1", ".calls h3"), ("benchmarks/sums", "9", ".reply"), ("benchmarks/talk", "a", ".reply")],
)
def test_pages_that_are_searched_have_no_fault(shown, searched, name, key, part, width):
    page = shown(searched / f"{name}.html", width)
    page.wait("document.querySelectorAll('#list a[href]').length > 0")
    layout.unfold(page)
    assert layout.find_faults(page) == []
    page.run(f"location.hash = '{key}'")
    page.wait("document.querySelector('#tree details') !== null")
    layout.unfold(page)
    page.wait(f"document.querySelector('#tree {part}') !== null")
    assert layout.find_faults(page) == []


@pytest.mark.parametrize(
    "rule", [".first { display: grid; }", "td { height: 90px; }", ".card { width: 2000px; }"]
)
def test_a_fault_is_found(shown, plain, rule):
    page = shown(plain / "report.html", 1280)
    layout.unfold(page)
    page.run(f"document.querySelector('style').append('{rule}')")
    assert layout.find_faults(page)


def test_a_phone_shows_all_columns_of_the_first_screen(shown, plain):
    page = shown(plain / "report.html", 390)
    boxes = "[...document.querySelectorAll('.overview .box')]"
    assert page.run(f"{boxes}.filter((box) => box.scrollWidth > box.clientWidth).length") == 0
    assert page.run("document.querySelectorAll('.best article').length") == 3
