"""`evobuild validation`: what stages kept of expectations, in lines and on a page."""

from __future__ import annotations

from pathlib import Path

import pytest
from reported import outcome

from evobuild.__main__ import main
from evobuild.contracts.result import TableOutcomes, combine_results
from evobuild.contracts.validate import finish
from evobuild.core.errors import BadInput


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "data").mkdir()
    return tmp_path


def test_without_a_result_it_says_what_makes_one(project: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["validation"]) != 0
    assert "nothing was validated here yet; evobuild repro" in capsys.readouterr().err


def test_what_stopped_a_stage_is_printed_and_laid_out(project: Path, capsys: pytest.CaptureFixture[str]):
    failing = outcome(success=False, unexpected=3, share=0.1, rows=30, ids=["a"])
    held = combine_results([TableOutcomes("ratings", 30, "", [outcome(), failing])])
    with pytest.raises(BadInput, match="evobuild validation"):
        finish(held, "validate", project / "tables.json")
    capsys.readouterr()
    assert main(["validation"]) == 0
    said = capsys.readouterr().out.splitlines()
    page = project / ".evobuild/validation/validation.html"
    assert said[0].startswith("failed: ratings: 3 of 30 rows (10.0%) break the rule")
    assert said[1:] == [f"all expectations: {page}"]
    assert "The run stops" in page.read_text() and "explorer/index.html" not in page.read_text()
    (project / "data/explorer").mkdir()
    (project / "data/explorer/index.html").touch()
    (project / "data/label.txt").write_text("DRY RUN\n")
    assert main(["validation"]) == 0
    assert 'href="../../data/explorer/index.html#a"' in page.read_text()
    assert "<strong>DRY RUN</strong>" in page.read_text()


def test_where_all_is_met_it_says_so(project: Path, capsys: pytest.CaptureFixture[str]):
    finish(combine_results([TableOutcomes("ratings", 30, "", [outcome()])]), "validate", project / "t.json")
    assert main(["validation"]) == 0
    assert capsys.readouterr().out.startswith("every expectation is met\nall expectations: ")
