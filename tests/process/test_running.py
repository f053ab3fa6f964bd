"""Which stages run now: seen by others while they run, and not after they ended or were killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import patience
import pytest

from evobuild.process import running

HOLD = """
import sys
from evobuild.process.running import mark_running
with mark_running("evolve@r1"):
    print("marked", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return tmp_path


@pytest.fixture
def other():
    """A process that runs a stage until its standard input ends."""
    command = [sys.executable, "-c", HOLD]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "marked\n"
        yield process
        process.kill()


def test_a_stage_of_another_process_is_seen_while_it_runs(other: subprocess.Popen[str]):
    [mark] = running.running_stages()
    assert mark.stage == "evolve@r1" and mark.started.startswith("20")
    patience.communicate(other)
    assert running.running_stages() == [] and not list(running.folder().iterdir())


def test_a_stage_that_was_killed_does_not_run(other: subprocess.Popen[str]):
    other.send_signal(signal.SIGKILL)
    patience.wait(other)
    assert list(running.folder().iterdir()) and running.running_stages() == []


def test_what_goes_wrong_in_a_stage_is_raised_and_its_mark_is_gone(project: Path):
    with pytest.raises(OSError, match="disk"), running.mark_running("seed"):
        raise OSError("disk")
    assert not list(running.folder().iterdir())


def test_a_stage_runs_where_nothing_can_be_written(project: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(path: Path) -> Path:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(running, "private_file", refuse)
    with running.mark_running("seed"):
        assert running.running_stages() == []


@pytest.mark.skipif(os.name != "posix", reason="locks of POSIX")
def test_a_damaged_mark_is_none(project: Path):
    running.folder().mkdir(parents=True)
    (running.folder() / "1.json").write_text("{")
    assert running.running_stages() == []
