"""How many CPU threads torch computes with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from evobuild.core.errors import require

THREADS = 2
"""Threads of what is trained on a CPU: sums in another order would give other weights."""


def pin_threads() -> None:
    """Fix the number of CPU threads, so that the same rows train the same weights."""
    require("torch", "train").set_num_threads(THREADS)


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
