"""Record the candidates of the loop that improves a method, and derive tables, metrics and a curve."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from evobuild.core import tables
from evobuild.core.evolution_tables import CANDIDATE_FAILURES, CANDIDATES, TRAJECTORIES
from evobuild.core.rejects import count_reasons
from evobuild.evolution.method_records import NOT_EVALUATED, Evaluation, Trajectory
from evobuild.text.words import split_at_blanks

CALLS = 2
"""Calls per row and method: one evolves it, one answers it."""


@dataclass(frozen=True)
class Candidate:
    """A proposed method; step 0 has one, the initial method.

    reason: why the replies hold no method, '' if they do. evaluation: on the development set; with halving,
    on the part that the method reached. holdout: on rows that no choice uses. objective: value to minimise,
    on the judged rows; infinite unless evaluated on the whole development set. chosen: it became e(t).
    unanswered: the optimizer did not reply.
    """

    step: int
    number: int
    feedback: str
    method: str
    reason: str = ""
    evaluation: Evaluation = NOT_EVALUATED
    holdout: Evaluation = NOT_EVALUATED
    objective: float = math.inf
    chosen: bool = False
    unanswered: bool = False

    @property
    def words(self) -> int:
        """Return the length of the method in words."""
        return len(split_at_blanks(self.method))


@dataclass(frozen=True)
class History:
    """History of the loop.

    best: the method e*, one of the candidates. calls: requests, including cached ones: the same in every run,
    unless a call fails.
    """

    candidates: Sequence[Candidate] = ()
    trajectories: Sequence[Trajectory] = ()
    calls: int = 0
    best: Candidate | None = None

    @property
    def calls_saved(self) -> int:
        """Return the calls that halving saved: CALLS for each row that a method did not evolve."""
        rows = [len(each.evaluation.given) for each in self.candidates if each.method]
        return CALLS * sum(rows[0] - each for each in rows)


def candidate_table(history: History) -> pl.DataFrame:
    """Tabulate every candidate of every step."""
    best = history.best
    return tables.frame(
        CANDIDATES,
        (
            (
                f"{each.step:03d}-{each.number:03d}",
                each.step,
                each.number,
                each.evaluation.failure_rate,
                each.objective if each.objective < math.inf else None,
                each.evaluation.difficulty_gain,
                len(each.evaluation.gains),
                each.holdout.failure_rate,
                len(each.evaluation.given),
                len(each.evaluation.judged),
                _format_reasons(each.evaluation),
                each.words,
                each.chosen,
                each is best,
                each.reason,
                each.feedback,
                each.method,
            )
            for each in history.candidates
        ),
    )


def _format_reasons(evaluation: Evaluation) -> str:
    """Format counts of reasons, e.g. "unparsable 2, loss of key information 1"."""
    counts = count_reasons(each.reason for each in evaluation.failed)
    return ", ".join(f"{reason} {count}" for reason, count in counts.items())


def trajectory_table(history: History) -> pl.DataFrame:
    """Tabulate every row of every mini-batch, with its stages."""
    return tables.frame(
        TRAJECTORIES,
        (
            (
                f"{each.step:03d}-{each.number:03d}",
                each.step,
                each.number,
                each.row.id,
                each.stages,
                each.verdicts,
            )
            for each in history.trajectories
        ),
    )


def candidate_failure_table(history: History) -> pl.DataFrame:
    """Tabulate every row that a candidate failed on, or that got no reply."""

    def rows() -> Iterator[tuple[Any, ...]]:
        for each in history.candidates:
            for among, evaluation in (("development", each.evaluation), ("holdout", each.holdout)):
                for failed in (*evaluation.failed, *evaluation.unjudged):
                    place = f"{each.step:03d}-{each.number:03d}-{failed.row}"
                    yield (place, each.step, each.number, among, *failed)

    return tables.frame(CANDIDATE_FAILURES, rows())


def optimization_metrics(history: History) -> dict[str, Any]:
    """Return λ of e0 and of e*, words of e*, steps and calls; null if nothing was optimized.

    unjudged: development rows without a reply, which λ leaves out.
    """
    first, best = next(iter(history.candidates), None), history.best
    return {
        "failure_rate": {
            "e0": first and first.evaluation.failure_rate,
            "best": best and best.evaluation.failure_rate,
        },
        "unjudged": {
            "e0": first and len(first.evaluation.unjudged),
            "best": best and len(best.evaluation.unjudged),
        },
        "holdout_rate": {
            "e0": first and first.holdout.failure_rate,
            "best": best and best.holdout.failure_rate,
        },
        "method": {"steps": _steps(history), "words": best and best.words},
        "calls": {"made": history.calls, "saved": history.calls_saved},
    }


def optimization_curve(history: History) -> list[dict[str, object]]:
    """Return λ and length of e(t), the method after each step; None for missing values."""
    points: list[dict[str, object]] = []
    for step in range(_steps(history) + 1):
        chosen = [each for each in history.candidates if each.chosen and each.step <= step]
        now = chosen[-1] if chosen else None
        points.append(
            {
                "step": step,
                "failure_rate": now and now.evaluation.failure_rate,
                "words": now and now.words,
                "holdout_rate": now and now.holdout.failure_rate,
            }
        )
    return points


def _steps(history: History) -> int:
    return max((each.step for each in history.candidates), default=0)
