"""A training that was run before is read, whatever made its stage stale; another one is run."""

from __future__ import annotations

from pathlib import Path

import pytest
import tunings

from evobuild.training.running import kept, launch


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return tmp_path


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The trainings that are run."""
    found, run = [], launch.run_job

    def noted(folder, *given):
        found.append(folder)
        return run(folder, *given)

    monkeypatch.setattr(launch, "run_job", noted)
    return found


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("fields", [{}, {"lora": {"rank": 2}}, {"lora": {"rank": 2}, "merge": False}])
def test_the_same_training_is_run_once(root: Path, runs: list[Path], fields: dict[str, object]) -> None:
    with kept.used():
        first = tunings.tune(root / "first", epochs=1, **fields)
        again = tunings.tune(root / "again", epochs=1, save_steps=3, dpo={"beta": 0.7}, **fields)
    assert len(runs) == 1 and again == first
    assert contents(root / "again") == contents(root / "first")
    assert list((root / ".evobuild/trainings").glob("*/result.json"))


@pytest.mark.parametrize("fields", [{"learning_rate": 0.02}, {"epochs": 2}, {"lora": {"rank": 2}}])
def test_another_training_is_run(root: Path, runs: list[Path], fields: dict[str, object]) -> None:
    with kept.used():
        tunings.tune(root / "first", epochs=1)
        tunings.tune(root / "other", **{"epochs": 1} | fields)
    assert len(runs) == 2


def test_other_code_trains_anew(root: Path, runs: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    with kept.used():
        tunings.tune(root / "first", epochs=1)
        monkeypatch.setattr("evobuild.process.imports.Sources.digest", lambda self, name: "other")
        tunings.tune(root / "again", epochs=1)
    assert len(runs) == 2


def test_the_newest_of_a_base_are_kept_and_those_of_others_stay(root: Path) -> None:
    with kept.used():
        for number in range(kept.KEPT + 2):
            tunings.tune(root / str(number), epochs=1, learning_rate=0.01 + number / 1000)
    assert len(list((root / ".evobuild/trainings").iterdir())) == kept.KEPT


def test_nothing_is_kept_or_read_unless_a_stage_asks_for_it(root: Path, runs: list[Path]) -> None:
    tunings.tune(root / "first", epochs=1)
    tunings.tune(root / "again", epochs=1)
    assert len(runs) == 2 and not (root / ".evobuild/trainings").exists()
