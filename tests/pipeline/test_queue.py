"""An experiment that is queued runs, in a copy of the repository."""

from __future__ import annotations

import time
from pathlib import Path

import workspace


def test_a_queued_experiment_runs(tmp_path: Path) -> None:
    clone = workspace.make(tmp_path)
    workspace.run(clone, "dvc", "exp", "run", "--queue", "-S", "seed.held_out=0.2", "seed")
    workspace.run(clone, "dvc", "queue", "start", "-j", "1")
    deadline = time.monotonic() + 120
    status = ""
    while "Success" not in status and time.monotonic() < deadline:
        time.sleep(0.5)
        status = workspace.run(clone, "dvc", "queue", "status")
        assert "Failed" not in status
    assert "Success" in status
    workspace.run(clone, "dvc", "queue", "stop")
