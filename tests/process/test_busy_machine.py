"""Tests hold on a busy machine: their limits are those of tests/support/patience.py and slow down with it."""

from __future__ import annotations

import re
import subprocess
import sys
import time

import patience
import pytest
from workspace import ROOT

BY_THE_CLOCK = re.compile(
    r"time\.(monotonic|perf_counter)\(|\.(wait|communicate|join|result)\((timeout=)?[\d.]+\)"
    r"|subprocess\.\w+\((?:[^()]|\([^()]*\))*timeout="
)
OWN = {"support/patience.py", "process/test_busy_machine.py"}
AT_LEAST = {"models/test_openai_engine.py"}
"""Modules that look at the clock for what must not be faster."""
HANGS = [sys.executable, "-c", "import time; print('begun', flush=True); time.sleep(600)"]


def test_no_other_limit_of_a_test_is_by_the_clock() -> None:
    found = {
        str(file.relative_to(ROOT / "tests"))
        for file in (ROOT / "tests").rglob("*.py")
        if BY_THE_CLOCK.search(file.read_text(encoding="utf-8"))
    }
    assert found - OWN <= AT_LEAST


def test_the_clock_slows_down_with_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(patience, "crowd", lambda: 3.0)
    left = patience.Patience(10)
    now = 29.0
    assert not left.is_over()
    now = 31.0
    assert left.is_over()


def test_a_command_that_hangs_is_ended() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        patience.run(HANGS, 0.2)
    with subprocess.Popen(HANGS) as process, pytest.raises(subprocess.TimeoutExpired):
        patience.wait(process, 0.2)
    assert process.returncode == -9


def test_a_command_is_run_as_subprocess_does() -> None:
    copies = [sys.executable, "-c", "import sys; text = sys.stdin.read(); print(text); sys.exit(3)"]
    done = patience.run(copies, input="x" * 200_000)
    assert (done.returncode, len(done.stdout), done.stderr) == (3, 200_001, "")
    with pytest.raises(subprocess.CalledProcessError):
        patience.run(copies, input="x", check=True)


def test_the_command_line_is_that_of_timeout() -> None:
    run = [sys.executable, patience.__file__]
    assert patience.run([*run, "60", sys.executable, "-c", "raise SystemExit(3)"]).returncode == 3
    done = patience.run([*run, "0.2", *HANGS])
    assert done.returncode == 124 and "not done in 0.2 s" in done.stderr
