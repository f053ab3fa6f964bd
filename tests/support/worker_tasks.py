"""Tasks for workers, which a process that is started anew can import."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from evobuild.core.errors import UserError
from evobuild.models.workers import Task

Told = tuple[int, int, str]
"""A number doubled, by which process, on which device."""


def doubling(dies_at: int | None = None, marks: Path | None = None, times: int = 1) -> Task[int, Told]:
    """Double numbers. dies_at: the number that ends its process, so many times, as files in marks count."""
    return Task("the doubler", partial(_load, dies_at, marks, times), identity, abs)


def identity() -> str:
    """The identity: a function that can be pickled."""
    return "doubler 1"


def broken() -> Task[int, Told]:
    """A model that cannot be loaded."""
    return Task("the doubler", _refuse, identity, abs)


def slow(seconds: float) -> Task[int, Told]:
    """Each number takes a while."""
    return Task("the doubler", partial(_load_slow, seconds), identity, abs)


def _load(dies_at: int | None, marks: Path | None, times: int) -> Callable[[list[int]], Iterator[Told]]:
    def measure(numbers: list[int]) -> Iterator[Told]:
        for number in numbers:
            if number == dies_at and marks and len(list(marks.iterdir())) < times:
                (marks / f"{time.monotonic_ns()}").touch()
                os.kill(os.getpid(), signal.SIGKILL)
            yield 2 * number, os.getpid(), os.environ.get("CUDA_VISIBLE_DEVICES", "")

    return measure


def _refuse() -> Callable[[list[int]], Iterator[Told]]:
    raise UserError("the doubler is not there")


def _load_slow(seconds: float) -> Callable[[list[int]], Iterator[Told]]:
    def measure(numbers: list[int]) -> Iterator[Told]:
        for number in numbers:
            time.sleep(seconds)
            yield 2 * number, os.getpid(), ""

    return measure
