"""Paths and names of params.yaml never run in a shell: not by way of the check, and not around it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import workspace
import yaml
from dvc.repo import Repo

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep:DeprecationWarning")

HOSTILE = [
    "a'$(touch canary)'.jsonl",
    'a"$(touch canary)".jsonl',
    "$(touch canary).jsonl",
    "`touch canary`.jsonl",
    "a'; touch canary; '.jsonl",
    "a' && touch canary && '.jsonl",
    "a'\ntouch canary\n'.jsonl",
    "a | touch canary.jsonl",
    "a ${random_seed} b.jsonl",
    "-rf *.jsonl",
]
"""Names of files as a stranger may give them."""


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A clone with a small seed."""
    return workspace.make(tmp_path_factory.mktemp("hostile"))


@pytest.fixture
def paths(clone, request):
    """The clone, all paths of its params being one of a hostile name; as it was afterwards."""
    before = (clone / "params.yaml").read_text()
    file = clone / "data/raw" / request.param
    shutil.copy(clone / "data/raw/sample.jsonl", file)
    given = f"data/raw/{request.param}"
    params = yaml.safe_load(before)
    params["seed"]["source"] = params["autoif"]["seeds"] = given
    params["decontaminate"]["sets"] = {"own": given}
    (clone / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    yield clone, given
    file.unlink()
    (clone / "params.yaml").write_text(before)


@pytest.mark.parametrize("paths", HOSTILE, indirect=True)
def test_no_command_holds_a_path_of_params(paths, monkeypatch):
    clone, given = paths
    monkeypatch.chdir(clone)
    with Repo() as repo:
        found = {stage.addressing: stage.cmd for stage in repo.index.stages}
        deps = {dep.def_path for stage in repo.index.stages for dep in stage.deps}
    assert {"seed", "augment@autoif", "decontaminate@own"} <= found.keys()
    assert [name for name, command in found.items() if given in command or "touch" in command] == []
    assert given in deps


@pytest.mark.parametrize("paths", [HOSTILE[0], HOSTILE[6], HOSTILE[8]], indirect=True)
def test_a_stage_that_runs_without_the_check_reads_the_file_and_runs_nothing(paths):
    clone, _ = paths
    (clone / "data/check.txt").write_text("around the check\n")
    workspace.run(clone, "dvc", "repro", "-q", "-s", "seed")
    assert (clone / "data/rounds/r0.parquet").exists()
    assert list(clone.rglob("canary*")) == []


@pytest.mark.parametrize("paths", HOSTILE[:1], indirect=True)
def test_the_check_refuses_it_before_anything_runs(paths):
    clone, _ = paths
    said = workspace.run(clone, "dvc", "repro", "-q", expect=255)
    assert "expected a path without quotes" in said
    assert list(Path(clone).rglob("canary*")) == []
