"""A stage that DVC runs is refused under a lock of other code or libraries; by hand it is not."""

from __future__ import annotations

import sys
from pathlib import Path

import patience
import pytest
import workspace
import yaml
from workspace import ROOT

from evobuild.core.errors import BadInput, UserError
from evobuild.process import lock


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the stages, their lock, and all that the stage seed reads."""
    (tmp_path / "data/raw").mkdir(parents=True)
    for name in ("stages", "evobuild", "evobuild.lock", "params.yaml", "data/raw/sample.jsonl"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def change_lock(entry: str, name: str) -> None:
    content = yaml.safe_load(lock.LOCK.read_text())
    content[entry][name] = "another"
    lock.LOCK.unlink()
    lock.LOCK.write_text(yaml.safe_dump(content))


@pytest.mark.parametrize(
    ("by_dvc", "is_changed", "code"), [(True, False, 0), (True, True, 1), (False, True, 0)]
)
def test_other_code_is_refused_where_dvc_runs_the_stage(
    here: Path, by_dvc: bool, is_changed: bool, code: int
) -> None:
    if is_changed:
        change_lock("stages", "seed")
    environment = workspace.environment() | ({"DVC_STAGE": "seed"} if by_dvc else {})
    done = patience.run([sys.executable, "-m", "stages.seed"], cwd=here, env=environment)
    assert done.returncode == code, done.stderr
    said = "evobuild.lock: the stage seed has other code; renew it with: evobuild pipeline"
    assert (said in done.stderr) is bool(code)
    assert (here / "data/rounds/r0.parquet").exists() is not bool(code)


def test_another_version_of_a_library_of_the_stage_is_refused(here: Path) -> None:
    change_lock("libraries", "torch")
    lock.check_stage("select", ("rensa",))
    with pytest.raises(UserError, match=r"finetune has other torch .* where the lock has another; renew it"):
        lock.check_stage("finetune", ("torch", "trl"))
    lock.check_stage("finetune", ("not_installed",))


def test_without_a_lock_nothing_is_refused_and_a_damaged_one_is_said(here: Path) -> None:
    lock.LOCK.unlink()
    lock.check_stage("seed", ())
    lock.LOCK.write_text("stages: {}\n")
    with pytest.raises(BadInput, match=r"evobuild\.lock: expected stages, libraries, packages, revisions"):
        lock.check_stage("seed", ())
