"""A process of a stage's workers that is killed at its first, a middle or its last item costs none."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import worker_tasks

from evobuild.models.workers import Workers


@pytest.mark.parametrize("dies_at", [1, 23, 40])
def test_a_killed_process_costs_no_item(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies_at: int
) -> None:
    numbers = range(1, 41)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    (tmp_path / "machine.yaml").write_text("measuring: {processes: 2}\n")
    (tmp_path / "marks").mkdir()
    with Workers(worker_tasks.doubling(dies_at, tmp_path / "marks")) as own:
        assert sorted(value for value, *_ in own.measure(numbers)) == [2 * number for number in numbers]
    assert len(list((tmp_path / "marks").iterdir())) == 1
