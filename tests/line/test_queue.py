"""An experiment that is queued runs, in a copy of the repository."""

from __future__ import annotations

from pathlib import Path

import patience
import workspace


def test_a_queued_experiment_runs(tmp_path: Path) -> None:
    clone = workspace.make(tmp_path)
    workspace.run(clone, "dvc", "exp", "run", "--queue", "-S", "seed.held_out=0.2", "seed")
    workspace.run(clone, "dvc", "queue", "start", "-j", "1")

    def is_done() -> bool:
        status = workspace.run(clone, "dvc", "queue", "status")
        assert "Failed" not in status
        return "Success" in status

    assert patience.until(is_done, 120, every=0.5)
    workspace.run(clone, "dvc", "queue", "stop")
