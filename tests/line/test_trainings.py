"""Trainings in processes of their own: three kills change no byte; other strategies are refused."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import patience
import pytest
import tiny
import tunings
from workspace import ROOT

from evobuild.core.errors import UserError

SECONDS = 180
PROGRAM = """
import json, sys
from pathlib import Path
import tiny, tunings
out = Path(sys.argv[2])
rows = [tiny.row(instruction=f"Name {number} fish.", output=f"Cod, {number} times.") for number in range(40)]
tuned = tunings.tune(out, rows, rows[:3], Path(sys.argv[1]), epochs=4, save_steps=2)
Path(f"{out}.json").write_text(json.dumps(tuned.history))
"""


def start(root: Path, out: str) -> subprocess.Popen[bytes]:
    shutil.rmtree(root / out, ignore_errors=True)
    environment = os.environ | {
        "DVC_ROOT": str(root),
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests/support")]),
    }
    words = [sys.executable, "-c", PROGRAM, str(root / "base"), str(root / out)]
    return subprocess.Popen(words, cwd=ROOT, env=environment, stderr=subprocess.PIPE, start_new_session=True)


def session(leader: int) -> list[int]:
    """The processes of a session."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.getsid(int(folder.name)) == leader:
                found.append(int(folder.name))
    return found


def finish(root: Path, out: str) -> tuple[str, list[dict]]:
    process = start(root, out)
    _, said = patience.communicate(process, SECONDS)
    assert process.returncode == 0, said.decode()[-2000:]
    return tunings.digest(root / out), json.loads((root / f"{out}.json").read_text())


def kill_at(root: Path, step: int) -> list[str]:
    """Kill a training as soon as a checkpoint of a step begins to be there; give those that lie there."""
    process = start(root, "killed")
    begun = f".evobuild/checkpoints/*/checkpoint-{step}"
    patience.until(lambda: list(root.glob(begun)) or process.poll() is not None, SECONDS, every=0.002)
    assert process.poll() is None, "it ended before it was killed"
    process.send_signal(signal.SIGKILL)
    patience.communicate(process, SECONDS)
    # Whoever is left of it would still write.
    assert patience.until(lambda: not session(process.pid))
    return sorted(each.name for each in root.glob(".evobuild/checkpoints/*/checkpoint-*"))


@pytest.mark.parametrize("processes", [1, 2])
def test_after_three_kills_weights_and_history_are_those_of_an_undisturbed_run(
    tmp_path: Path, processes
) -> None:
    shutil.copytree(tiny.folder(), tmp_path / "base")
    tunings.with_machine(tmp_path, processes=processes)
    whole = finish(tmp_path, "whole")
    assert not list(tmp_path.glob(".evobuild/checkpoints/*"))
    for step in sorted(random.Random(processes).sample(range(2, 36, 2), 3)):
        assert kill_at(tmp_path, step)
    assert finish(tmp_path, "killed") == whole
    assert not list(tmp_path.glob(".evobuild/checkpoints/*"))


def refusal(root: Path) -> str:
    """What a training that is refused says, in a line or two."""
    with pytest.raises(UserError) as error:
        tunings.tune(root / "tuned")
    said = str(error.value)
    assert len(said.splitlines()) <= 2 and len(said) < 600
    return said


@pytest.mark.parametrize(("strategy", "package"), [("zero2", "deepspeed"), ("zero3", "deepspeed")])
def test_a_strategy_without_its_package_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strategy: str, package: str
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    tunings.with_machine(tmp_path, strategy=strategy, processes=1)
    assert package in refusal(tmp_path)


def test_a_spread_that_was_not_asked_for_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a CPU nothing is sharded: what was asked for would run as something else, in silence."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    tunings.with_machine(tmp_path, strategy="fsdp", processes=1)
    said = refusal(tmp_path)
    assert "training asks for 'fsdp', and accelerate made" in said or "fsdp" in said
