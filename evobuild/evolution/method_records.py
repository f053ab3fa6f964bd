"""What is known of an evolving method: the rows that it failed on, and what it made of a mini-batch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import NamedTuple

from evobuild.core.evolution_tables import NOT_JUDGED
from evobuild.core.instructions import Instruction

LEAST_JUDGED = 0.5
"""The share of its rows that a method has to be judged on."""


class FailedRow(NamedTuple):
    """A row that a method failed on, or, if reason is NOT_JUDGED, that no reply came for.

    stage: evolve or respond. instruction: what was asked of it there.
    """

    row: str
    stage: str
    reason: str
    detail: str
    instruction: str
    reply: str


@dataclass(frozen=True)
class Evaluation:
    """How a method did on rows; without any it was not evaluated.

    given: ids of the rows. failed: those that it failed on, and those not judged. gains: difficulty of a
    child less that of its parent, in points of 100, by the id of each row that did not fail and whose
    two ratings could be read. unrated: ids of those that had not failed and no rating came for.
    """

    given: frozenset[str] = frozenset()
    failed: tuple[FailedRow, ...] = ()
    unjudged: tuple[FailedRow, ...] = ()
    gains: Mapping[str, float] = field(default_factory=dict)
    unrated: frozenset[str] = frozenset()

    @property
    def judged(self) -> frozenset[str]:
        """The rows that λ is over."""
        return self.given.difference(each.row for each in self.unjudged)

    @property
    def is_judged(self) -> bool:
        """Whether it was judged on rows enough to be compared with others."""
        return len(self.judged) >= max(1.0, LEAST_JUDGED * len(self.given))

    @property
    def told(self) -> str:
        """Instance: "judged on 3 of 5 rows; no reply came for the others, the last error: timeout"."""
        rest = f"; no reply came for the others, the last error: {self.unjudged[-1].detail}"
        return f"judged on {len(self.judged)} of {len(self.given)} rows" + (rest if self.unjudged else "")

    @property
    def failure_rate(self) -> float | None:
        """λ, the share of the rows judged that failed; None before the first."""
        return len(self.failed) / len(self.judged) if self.judged else None

    @property
    def difficulty_gain(self) -> float | None:
        """The mean gain; None if no gain is known."""
        return fmean(self.gains.values()) if self.gains else None

    def objective(self, weight: float) -> float:
        """λ less a weight times the mean gain as a share of 100; ∞ before the first row judged."""
        rate = self.failure_rate
        return math.inf if rate is None else rate - weight * (self.difficulty_gain or 0.0) / 100

    def beats(self, other: Evaluation, weight: float) -> bool:
        """Whether its objective is the lower one on what is known of both."""
        own, others = shared_evaluations([self, other])
        return own.objective(weight) < others.objective(weight)

    def on(self, rows: frozenset[str], rated: frozenset[str]) -> Evaluation:
        """The evaluation on some of the rows judged. rated: those of them whose gains count."""
        failed = tuple(each for each in self.failed if each.row in rows)
        gains = {row: gain for row, gain in self.gains.items() if row in rated}
        return Evaluation(rows, failed, (), gains)

    def and_then(self, other: Evaluation) -> Evaluation:
        """The evaluation on the rows of both."""
        return Evaluation(
            self.given | other.given,
            self.failed + other.failed,
            self.unjudged + other.unjudged,
            {**self.gains, **other.gains},
            self.unrated | other.unrated,
        )


NOT_EVALUATED = Evaluation()


def shared_evaluations(some: Sequence[Evaluation]) -> list[Evaluation]:
    """Give evaluations on the rows that all were judged on, so that no outage decides between them.

    Gains count of those of the rows of which none lacks a rating.
    """
    rows = frozenset.intersection(*(each.judged for each in some))
    rated = rows.difference(*(each.unrated for each in some))
    return [each.on(rows, rated) for each in some]


class Trajectory(NamedTuple):
    """A row of a mini-batch: itself as stage 0, then what each round made of it.

    verdicts: of each round why it failed, None if it did not. A failed stage is the reply as it
    came; it is the last one, as nothing can be evolved from it. Where no reply came the verdict is
    NOT_JUDGED: such a row is no case to learn from.
    """

    step: int
    number: int
    row: Instruction
    stages: list[str]
    verdicts: list[str | None]

    @property
    def is_whole(self) -> bool:
        """Whether a reply came in every round."""
        return NOT_JUDGED not in self.verdicts
