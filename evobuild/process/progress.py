"""How far long work has come: a bar on a terminal; elsewhere a line now and then, with the time that is left.

What was kept from an earlier run counts as done at once, and not for the speed: the time that is left is that
of new items, from the first of them on: before it a model is loaded. What has failed is not done. A line is
said when new items begin after kept ones, after 5 s, and every 10 s then, so that short work says nothing.

    with Meter("score r1", "rows", total=900) as meter:
        meter.step(kept=True, count=600)
        ...

    for outcome in metered(run_jobs(jobs, limits), "sandbox", "functions", len(jobs)):
        ...
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar

from evobuild.process.terminal import duration, log

FIRST_SECONDS = 5.0
LINE_SECONDS = 10.0

Item = TypeVar("Item")


class Meter:
    """Counts what is done of some work. total: None where it is not known.

    beside: what a line says at its end, asked when one is written.
    """

    def __init__(
        self,
        what: str,
        unit: str,
        total: int | None,
        beside: Callable[[], str] = str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.total = total
        self.done = self.kept = 0
        self._what, self._unit, self._beside, self._clock = what, unit, beside, clock
        self.began = clock()
        self._first = (0.0, 0)
        self._next_line = self.began + FIRST_SECONDS
        self._bar = _bar(what, unit, total) if sys.stderr.isatty() else None

    def step(self, kept: bool = False, count: int = 1, failed: bool = False) -> None:
        """Take note of items that are done. kept: by an earlier run. failed: they are not done after all."""
        new = self.done - self.kept
        now = self._clock()
        if kept:
            self.kept += count
        elif not new and not failed:
            self._first = (now, count)
        self.done += 0 if failed else count
        is_first = not (kept or failed or new) and self.kept > 0
        if self._bar is not None:
            self._bar.initial += count if kept else 0
            self._bar.set_postfix_str(self._beside(), refresh=False)
            self._bar.update(0 if failed else count)
        elif now >= self._next_line or is_first:
            self._next_line = now + (LINE_SECONDS if new else FIRST_SECONDS)
            log(self.line())

    def line(self) -> str:
        """Format how far it is, how fast, and the time left."""
        of = "" if self.total is None else f" of {self.total:,}"
        parts = [f"{self._what}: {self.done:,}{of} {self._unit}"]
        parts += [f"{self.kept:,} kept from before"] if self.kept else []
        came, first = self._first
        new, seconds = self.done - self.kept - first, self._clock() - came
        if new > 0 and seconds > 0:
            parts.append(f"{new / seconds:,.1f}/s")
            left = None if self.total is None else max(0, self.total - self.done)
            parts += [] if left is None else [f"{duration(left * seconds / new)} left"]
        return ", ".join([*parts, *filter(None, [self._beside()])])

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def metered(items: Iterable[Item], what: str, unit: str, total: int | None, kept: int = 0) -> Iterator[Item]:
    """Give items as they are, and show how far they have come. kept: items more that were done before."""
    with Meter(what, unit, None if total is None else total + kept) as meter:
        if kept:
            meter.step(kept=True, count=kept)
        for item in items:
            yield item
            meter.step()


def _bar(what: str, unit: str, total: int | None) -> Any:
    from tqdm import tqdm

    return tqdm(total=total, desc=what, unit=f" {unit}", leave=False, dynamic_ncols=True, delay=0.5)
