"""How many CPU threads torch computes with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from evobuild.core.errors import require

THREADS = 2
"""Threads of what is trained on a CPU: sums in another order would give other weights."""
SMALL = 10_000_000
"""Parameters; below, several CPU threads wait for each other longer than they compute."""


def pin_threads(processes: int = 1) -> None:
    """Fix the number of CPU threads, so that the same rows train the same weights; processes share them."""
    require("torch", "train").set_num_threads(max(1, THREADS // processes))


@contextmanager
def cpu_threads(count: int) -> Iterator[None]:
    """Use this many CPU threads inside."""
    torch = require("torch", "train")
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def threads_of(model: Any) -> Iterator[None]:
    """Use inside as many CPU threads as do a model good."""
    torch = require("torch", "train")
    small = model.device.type == "cpu" and sum(each.numel() for each in model.parameters()) < SMALL
    with cpu_threads(1 if small else torch.get_num_threads()):
        yield
