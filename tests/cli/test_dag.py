"""The pipeline on one screen: every stage once, in the order in which they run, after those it waits for."""

from __future__ import annotations

from pathlib import Path

import pytest
import workspace
from workspace import SHIPPED_PARAMS

from evobuild.cli.dag import format_dag
from evobuild.core.errors import UserError
from evobuild.core.stages import OF_BRANCHES, STAGES

# DVC's own, of a library of its.
pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep:DeprecationWarning")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with the shipped pipeline."""
    for name in (".dvc/config", ".dvc/.gitignore", "dvc.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((workspace.ROOT / name).read_bytes())
    (tmp_path / "params.yaml").write_bytes(SHIPPED_PARAMS.read_bytes())
    workspace.commit(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    return tmp_path


def test_the_pipeline_fits_a_screen_and_names_every_stage_once_in_order(here: Path) -> None:
    workspace.add_branch(here)
    lines = format_dag().splitlines()
    assert len(lines) <= 60 and max(map(len, lines)) <= 110
    found = [line.split()[0] for line in lines[1:] if not line.startswith(" ")]
    assert found == [stage.name for stage in STAGES if stage.name not in ("fetch", "measure")]
    assert lines[0] == "Every stage waits for check."


def test_without_a_branch_none_of_its_stages_is_there(here: Path) -> None:
    steps, table = {stage.name for stage in OF_BRANCHES}, format_dag()
    assert not steps & set(table.split()) and "autoif" not in table
    workspace.add_branch(here)
    assert steps < set(format_dag().split())


def test_a_stage_stands_with_what_it_is_run_for_and_what_it_waits_for(here: Path) -> None:
    lines = {line.split()[0]: line.split()[1:] for line in format_dag().splitlines()}
    assert lines["evolve"] == ["r1,", "r2,", "r3", "after", "optimize,", "the", "one", "before"]
    assert lines["compare"] == ["after", "evaluate"]


def test_many_rounds_go_below_one_another(here: Path) -> None:
    params = (here / "params.yaml").read_text()
    names = "".join(f"p{number}: {{parent: r0}}, " for number in range(30))
    assert "\nrounds: {" in params
    (here / "params.yaml").write_text(params.replace("\nrounds: {", f"\nrounds: {{{names}", 1))
    lines = format_dag().splitlines()
    assert max(map(len, lines)) <= 110 and "p29" in "".join(lines)


def test_a_pipeline_that_dvc_cannot_read_is_one_error(here: Path) -> None:
    (here / "dvc.yaml").write_text("stages: [")
    with pytest.raises(UserError, match="DVC cannot read the pipeline"):
        format_dag()
