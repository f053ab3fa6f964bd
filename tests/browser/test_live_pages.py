"""What `evobuild serve` shows in headless Chromium while a run goes on."""

from __future__ import annotations

import json
import shutil
import threading

import layout
import pytest
from chromium import Page
from reported import build, settings
from workspace import SHIPPED_PARAMS

from evobuild.cli.serve.server import Server
from evobuild.process import run_journal, running
from evobuild.process.run_journal import StageRun
from evobuild.reporting import report


@pytest.fixture(scope="session")
def page():
    with Page() as opened:
        yield opened


@pytest.fixture
def served(tmp_path, monkeypatch, page):
    """A project that is served; whatever a test did, no script failed and nothing else was asked."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    shutil.copy(SHIPPED_PARAMS, tmp_path / "params.yaml")
    (tmp_path / "data").mkdir()
    with Server(0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        page.errors.clear()
        page.asked.clear()
        yield server
        page.call("Page.navigate", url="about:blank")
        server.shutdown()
        thread.join()
    assert [each for each in page.errors if "favicon" not in each and "404" not in each] == []
    assert all(url.startswith((server.url, "about:")) for url in page.asked)


def test_before_a_report_the_stages_are_shown_and_followed(served, page, tmp_path):
    page.open(served.url)
    page.wait("document.getElementById('said').textContent.startsWith('Nothing runs.')")
    rows = "[...document.querySelectorAll('#stages tr')].map((row) => row.innerText.split('\\t'))"
    assert page.run(rows)[0][:2] == ["check", "has not run here"]
    # What is off is folded away.
    assert "tag" not in [row[0] for row in page.run(rows)] and page.run(
        "!at('off').hidden && !at('off').open"
    )
    assert "tag" in page.run("at('off-names').textContent")
    folder = tmp_path / ".evobuild/progress"
    folder.mkdir(parents=True, exist_ok=True)
    hostile = "<img src=x onerror='window.hacked = 1'>"
    shown = {"row": "a1", "purpose": "evolve", "prompt": f"Rewrite {hostile}", "reply": hostile * 90}
    content = {"task": "evolve-r1", "state": "running", "done": 40, "total": hostile, "newest": [shown]}
    counts = {"calls": 40, "cached": 3, "failed": 0, "prompt_tokens": 4000, "completion_tokens": 500}
    content |= {"role": "evolver", "model": "openai:m", "cost": 0.125, "purposes": {"evolve": counts}}
    (folder / "evolve-r1-evolver.json").write_text(json.dumps(content))
    run_journal.append(StageRun("seed", "2026-01-01T00:00:00+00:00", 1.5, rows_in=1490, rows_out=1360))
    with running.mark_running("evolve@r1"):
        page.wait("document.getElementById('said').textContent.startsWith('Running: evolve@r1. 1 of ')")
        found = {row[0]: row[1:] for row in page.run(rows)}
        page.wait("!at('newest-part').hidden")
        for width in layout.SCREENS:
            layout.set_screen(page, width)
            assert layout.find_faults(page) == []
        layout.reset_screen(page)
        texts = page.run("[...document.querySelectorAll('#newest .text')].map((each) => each.textContent)")
        assert texts == [shown["prompt"], shown["reply"]]
        figures = page.run("['tokens', 'calls', 'cost'].map((id) => at(id).textContent)")
        assert figures == ["4,500", "40 (3 more from the reply cache)", "0.125"]
        assert "of unknown time" in page.run("at('left').textContent")
    assert found["evolve@r1"][0] == f"running: 40 of {hostile} replies"
    assert found["seed"][1:] == ["1,490", "1,360", "1.5 s"]
    page.wait("document.getElementById('said').textContent.startsWith('Nothing runs.')")
    assert page.run("[document.images.length, window.hacked ?? 0]") == [0, 0]


def test_the_report_says_what_runs_and_gives_way_to_a_new_one_with_its_folds_open(served, page, tmp_path):
    root = tmp_path / "made"
    root.mkdir()
    text = report.report_page(settings(), build(root))
    target = tmp_path / "data/report.html"
    target.write_text(text)
    page.open(served.url)
    with running.mark_running("score"):
        page.wait("document.getElementById('live').textContent.startsWith('Running now: score.')")
    page.wait("document.getElementById('live').hidden")
    page.run("document.getElementById('counts').closest('details').open = true")
    target.write_text(text.replace("<h1>From", "<h1>Anew from"))
    page.wait("document.querySelector('h1')?.textContent.startsWith('Anew')")
    opened = "[...document.querySelectorAll('details.part[open] h2')].map((each) => each.id)"
    page.wait(f"{opened}.length")
    assert page.run(opened) == ["counts"]
