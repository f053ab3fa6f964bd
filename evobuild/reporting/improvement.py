"""How the evolving method was improved, told to a reader who does not know the papers.

Methods, their failures and the cases are read from the tables of the stage optimize.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from evobuild.core import tables
from evobuild.core.evolution_tables import CANDIDATE_FAILURES, CANDIDATES, NOT_JUDGED, TRAJECTORIES
from evobuild.core.rejects import count_reasons
from evobuild.text.word_differences import WordDifferences, compare_words

Row = dict[str, Any]


class Step(NamedTuple):
    """One step. in_use: the method after it; words: against the one before, empty if it stayed.

    cases: rows of the mini-batch; failed: of these, by why their evolution failed.
    """

    number: int
    candidates: list[Row]
    in_use: Row
    words: WordDifferences
    cases: int
    failed: dict[str, int]


class Kind(NamedTuple):
    """A kind of failure: how many development rows e0 and e* failed on so."""

    stage: str
    reason: str
    e0: int
    best: int


class Improvement(NamedTuple):
    """What the loop did. e0: the method it began with; best: e*, what it ended with.

    candidates, steps: all of them. kinds: failures of e0 and of e* on the development set.
    mended: rows that e0 failed on and e* did not; broken: how many it was the other way round. Rows that
    either was not judged on are in neither.
    """

    e0: Row
    best: Row
    words: WordDifferences
    candidates: list[Row]
    steps: list[Step]
    kinds: list[Kind]
    mended: list[Row]
    broken: int

    @property
    def some_unjudged(self) -> bool:
        """Whether no reply came for some row, so that λ leaves it out."""
        return any(each["judged"] < each["rows"] for each in self.candidates)


def read_improvement(folder: Path) -> Improvement | None:
    """Read what the loop did; None if nothing was optimized.

    Raises BadInput if a table is missing or not as it should be.
    """
    candidates = tables.read(folder / "candidates.parquet", CANDIDATES).sort("step", "candidate").to_dicts()
    failed = tables.read(folder / "failures.parquet", CANDIDATE_FAILURES).filter(among="development")
    cases = tables.read(folder / "trajectories.parquet", TRAJECTORIES).sort("step", "case").to_dicts()
    if not candidates:
        return None
    e0 = candidates[0]
    best = next(each for each in candidates if each["best"])
    both = [failed.filter(step=each["step"], candidate=each["candidate"]).sort("row") for each in (e0, best)]
    of_e0, of_best = (own.filter(pl.col("reason") != NOT_JUDGED).to_dicts() for own in both)
    # A row that only one of them was judged on tells nothing of the other.
    mended = both[0].filter(~pl.col("row").is_in(both[1]["row"].implode()), pl.col("reason") != NOT_JUDGED)
    broken = both[1].filter(~pl.col("row").is_in(both[0]["row"].implode()), pl.col("reason") != NOT_JUDGED)
    return Improvement(
        e0,
        best,
        compare_words(e0["method"], best["method"]),
        candidates,
        _steps(candidates, cases),
        _kinds(of_e0, of_best),
        mended.to_dicts(),
        broken.height,
    )


def _steps(candidates: Sequence[Row], cases: Sequence[Row]) -> list[Step]:
    steps: list[Step] = []
    for number, own in _group_by_step(candidates).items():
        before = steps[-1].in_use if steps else None
        chosen = next((each for each in own if each["chosen"]), before)
        assert chosen is not None, "the method of step 0 is chosen"
        read = [each["verdicts"] for each in _group_by_step(cases).get(number, [])]
        verdicts = [each for each in read if NOT_JUDGED not in each]
        failed = count_reasons(reason for each in verdicts for reason in each if reason)
        steps.append(Step(number, own, chosen, _compare_methods(before, chosen), len(verdicts), failed))
    return steps


def _group_by_step(rows: Sequence[Row]) -> dict[int, list[Row]]:
    """Rows by their step, steps in order."""
    found: dict[int, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row["step"]):
        found.setdefault(row["step"], []).append(row)
    return found


def _compare_methods(before: Row | None, chosen: Row) -> WordDifferences:
    """The method against the one before; empty if it stayed, or is the first."""
    if before is None or chosen is before:
        return []
    return compare_words(before["method"], chosen["method"])


def _kinds(of_e0: Sequence[Row], of_best: Sequence[Row]) -> list[Kind]:
    counted = [Counter((each["stage"], each["reason"]) for each in failed) for failed in (of_e0, of_best)]
    keys = sorted(counted[0] | counted[1], key=lambda key: (key[0], -counted[0][key], key[1]))
    return [Kind(*key, counted[0][key], counted[1][key]) for key in keys]
