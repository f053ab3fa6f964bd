"""The benchmark that wants a GPU runs as far as a CPU goes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import tiny

ROOT = Path(__file__).parents[2]


def test_the_benchmark_of_gpus_trains_and_measures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    import training_gpu
    from figures import Figures

    from evobuild.training.running.callbacks import Control

    # It is replaced for good, in a process that does nothing else.
    monkeypatch.setattr(Control, "on_step_end", Control.on_step_end)
    task = {
        "base": str(tiny.folder()),
        "machine": {"processes": 1},
        "changes": {"batch": 2},
        "steps": 5,
        "length": 16,
    }
    run = training_gpu.train(task, tmp_path)
    assert len(run["losses"]) == 5 and len(run["seconds"]) == 4
    assert run["tokens_per_step"] == 32 and run["budget"] > 0
    assert training_gpu.difference(run, run) == 0
    assert training_gpu.share_of_peak(tiny.folder(), run | {"device": "NVIDIA H200"}) > 0
    training_gpu.take(Figures(), "mfu")
    assert "there is no GPU here" in capsys.readouterr().out
