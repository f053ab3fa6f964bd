"""The script of runs beside the report: whole, plain data, and written only where the pipeline runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evobuild.process import run_journal
from evobuild.process.run_journal import StageRun
from evobuild.process.run_script import SCRIPT, run_script, write_run_script


def content(text: str) -> list[dict[str, object]]:
    head, _, rest = text.partition(" = ")
    assert head == "window.evobuildRuns" and rest.endswith(";\n")
    found: list[dict[str, object]] = json.loads(rest.removesuffix(";\n"))
    return found


def test_a_run_is_shown_with_its_losses_summed_up():
    [run] = content(run_script([StageRun("evolve@r1", seconds=1.5, lost={"unchanged": 8, "answered": 5})]))
    assert run["stage"] == "evolve@r1" and run["seconds"] == 1.5 and run["lost"] == 13
    assert "table" not in run


def test_no_text_of_a_run_becomes_code():
    text = run_script([StageRun("</script><!--\u2028é", commit="</SCRIPT>")])
    assert text.isascii() and "<" not in text
    assert content(text)[0]["stage"] == "</script><!--\u2028é"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    (tmp_path / "data").mkdir()
    return tmp_path


def test_the_last_run_of_each_stage_is_written(project: Path):
    (project / "dvc.yaml").touch()
    for seconds in (1.0, 2.0):
        run_journal.append(StageRun("seed", seconds=seconds))
        write_run_script()
    assert [(run["stage"], run["seconds"]) for run in content(SCRIPT.read_text())] == [("seed", 2.0)]
    assert [path.name for path in (project / "data").iterdir()] == ["run.js"]


def test_a_stage_that_runs_elsewhere_writes_none(project: Path):
    run_journal.append(StageRun("seed"))
    write_run_script()
    assert list((project / "data").iterdir()) == []
