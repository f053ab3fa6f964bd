"""Define the results of an evolving method: the rows that it failed on, and its trajectories of a
mini-batch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import NamedTuple

from evobuild.core.evolution_tables import NOT_JUDGED
from evobuild.core.instructions import Instruction

LEAST_JUDGED = 0.5
"""Minimum share of its rows that a method has to be judged on."""


class FailedRow(NamedTuple):
    """A row that a method failed on, or, if reason is NOT_JUDGED, that got no reply.

    stage: evolve or respond. instruction: the instruction at that stage.
    """

    row: str
    stage: str
    reason: str
    detail: str
    instruction: str
    reply: str


@dataclass(frozen=True)
class Evaluation:
    """Results of a method on rows; empty if it was not evaluated.

    given: ids of the rows. failed: rows that it failed on. unjudged: rows without a reply. gains: difficulty
    of a child minus that of its parent, in points of 100, by row id; only for rows that did not fail and
    whose two ratings are parsed. unrated: ids of rows that did not fail and got no rating.
    """

    given: frozenset[str] = frozenset()
    failed: tuple[FailedRow, ...] = ()
    unjudged: tuple[FailedRow, ...] = ()
    gains: Mapping[str, float] = field(default_factory=dict)
    unrated: frozenset[str] = frozenset()

    @property
    def judged(self) -> frozenset[str]:
        """Return the ids of the judged rows, over which λ is computed."""
        return self.given.difference(each.row for each in self.unjudged)

    @property
    def is_judged(self) -> bool:
        """Return whether it was judged on enough rows to be compared with others."""
        return len(self.judged) >= max(1.0, LEAST_JUDGED * len(self.given))

    @property
    def summary(self) -> str:
        """Return e.g. "judged on 3 of 5 rows; no reply came for the others, the last error: timeout"."""
        rest = f"; no reply came for the others, the last error: {self.unjudged[-1].detail}"
        return f"judged on {len(self.judged)} of {len(self.given)} rows" + (rest if self.unjudged else "")

    @property
    def failure_rate(self) -> float | None:
        """Return λ, the share of the judged rows that failed; None without judged rows."""
        return len(self.failed) / len(self.judged) if self.judged else None

    @property
    def difficulty_gain(self) -> float | None:
        """Return the mean gain; None if no gain is known."""
        return fmean(self.gains.values()) if self.gains else None

    def objective(self, weight: float) -> float:
        """Compute λ - weight * (mean gain) / 100; infinite without judged rows."""
        rate = self.failure_rate
        return math.inf if rate is None else rate - weight * (self.difficulty_gain or 0.0) / 100

    def beats(self, other: Evaluation, weight: float) -> bool:
        """Return whether its objective is lower, on the rows that both were judged on."""
        own, others = shared_evaluations([self, other])
        return own.objective(weight) < others.objective(weight)

    def restricted_to(self, rows: frozenset[str], rated: frozenset[str]) -> Evaluation:
        """Restrict the evaluation to some judged rows. rated: those whose gains count."""
        failed = tuple(each for each in self.failed if each.row in rows)
        gains = {row: gain for row, gain in self.gains.items() if row in rated}
        return Evaluation(rows, failed, (), gains)

    def merge(self, other: Evaluation) -> Evaluation:
        """Merge the evaluations of disjoint rows."""
        return Evaluation(
            self.given | other.given,
            self.failed + other.failed,
            self.unjudged + other.unjudged,
            {**self.gains, **other.gains},
            self.unrated | other.unrated,
        )


NOT_EVALUATED = Evaluation()


def shared_evaluations(some: Sequence[Evaluation]) -> list[Evaluation]:
    """Restrict evaluations to the rows that all were judged on, so that no outage favours a method.

    Gains count on rows that are rated in all evaluations.
    """
    rows = frozenset.intersection(*(each.judged for each in some))
    rated = rows.difference(*(each.unrated for each in some))
    return [each.restricted_to(rows, rated) for each in some]


class Trajectory(NamedTuple):
    """A row of a mini-batch: itself as stage 0, then the result of each round.

    verdicts: why each round failed; None if it did not. A failed stage is the raw reply, and the last stage,
    because nothing can be evolved from it. NOT_JUDGED marks a missing reply: such a row is no case to learn
    from.
    """

    step: int
    number: int
    row: Instruction
    stages: list[str]
    verdicts: list[str | None]

    @property
    def is_whole(self) -> bool:
        """Return whether every round got a reply."""
        return NOT_JUDGED not in self.verdicts
