"""Steps that a killed training does twice.

    python benchmarks/training_resume.py TASK OUT LOG

is the training that is killed; it writes each step that is done into a log, one line each.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from figures import Figures
from training_data import LEAST, default_settings, random_base, read_answered_rows, write_task

ROOT = Path(__file__).parent.parent
SAVE_STEPS = 7
KILLS = 3
SECONDS = 300


def run(figures: Figures, folder: Path) -> None:
    """Kill a training at random moments with SIGKILL, and count what each resume does again."""
    rows = read_answered_rows(400)
    # Apart from what is written: a base in whose folder a file changes is another.
    base = folder / "base"
    random_base(base, LEAST, rows)
    task = write_task(base, rows, default_settings(batch=4, save_steps=SAVE_STEPS))
    draw = random.Random(13)
    steps: list[list[int]] = []
    for number in range(KILLS):
        done = (number + 1) * 22 + draw.randrange(SAVE_STEPS)
        steps.append(_kill(task, folder, done, draw.uniform(0, 0.1)))
    steps.append(_steps(_start(task, folder), folder))
    assert steps[-1][-1] == len(rows) // 4, "the last run ends the training"
    twice = [len(set(before) & set(after)) for before, after in pairwise(steps)]
    print(f"killed after steps {[run[-1] for run in steps[:-1]]}; done twice: {twice}")
    figures.at_most(f"steps done twice after each of {KILLS} kills", max(twice), SAVE_STEPS, "steps")


def _start(task: Path, folder: Path) -> subprocess.Popen[bytes]:
    (folder / "log").write_text("")
    command = [sys.executable, __file__, str(task), f"{folder}/tuned", f"{folder}/log"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DVC_ROOT": str(folder)}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)


def _kill(task: Path, folder: Path, step: int, later: float) -> list[int]:
    """Kill a training some seconds after a step; give the steps that it did."""
    process = _start(task, folder)
    deadline = time.monotonic() + SECONDS
    while not (done := _done(folder)) or done[-1] < step:
        assert process.poll() is None and time.monotonic() < deadline, "it ended before it was killed"
        time.sleep(0.002)
    time.sleep(later)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return _done(folder)


def _steps(process: subprocess.Popen[bytes], folder: Path) -> list[int]:
    assert process.wait(SECONDS) == 0
    return _done(folder)


def _done(folder: Path) -> list[int]:
    return [int(line) for line in (folder / "log").read_text().split("\n")[:-1]]


def main() -> None:
    from unittest import mock

    import training_runs

    from evobuild.training.running.callbacks import Control

    own = Control.on_step_end
    with Path(sys.argv.pop()).open("a", buffering=1) as log:

        def noted(self: Control, args: Any, state: Any, *given: Any, **options: Any) -> Any:
            log.write(f"{state.global_step}\n")
            return own(self, args, state, *given, **options)

        with mock.patch.object(Control, "on_step_end", noted):
            training_runs.main()


if __name__ == "__main__":
    main()
