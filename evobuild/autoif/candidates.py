"""Candidates: the answers to each row of the branch, with what code and the judge say of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import polars as pl

from evobuild.autoif.answers_by_row import ROWS, ByRow
from evobuild.autoif.records import ANSWERS, CHECKS, QUALITIES, Answer
from evobuild.core import tables
from evobuild.core.instructions import INSTRUCTIONS, Instruction, iterate_instructions
from evobuild.core.params import meets_bound


class Candidate(NamedTuple):
    """An answer with all that is known of it. score: None if it was not judged, or to no effect.

    refused: whether a function finds it to break the constraint.
    """

    answer: Answer
    accuracy: float
    score: float | None
    refused: bool


class Branch:
    """The rows of the branch with all answers to them, some rows at a time.

    rows, answers, checks: tables of INSTRUCTIONS, ANSWERS and CHECKS. folder: for what takes disk meanwhile.
    """

    def __init__(self, rows: Path, answers: Path, checks: Path, folder: Path) -> None:
        self.height = tables.height(rows, INSTRUCTIONS)
        self._rows, self._given_checks, self._folder = rows, checks, folder
        self._answers = ByRow(answers, ANSWERS, ("number", "answer", "reasoning"), folder)
        self._checks = ByRow(checks, CHECKS, ("accuracy", "verdicts"), folder)
        self._scores: ByRow | None = None

    def attach_scores(self, qualities: Path) -> None:
        """Take the scores of a table of QUALITIES."""
        self._scores = ByRow(qualities, QUALITIES, ("score",), self._folder)

    def count_kept(self, accuracy: str) -> int:
        """Count the answers whose accuracy is as params want it."""
        accuracies = tables.scan(self._given_checks, CHECKS).group_by("accuracy").len()
        found = tables.collect(self._given_checks, accuracies)
        return sum(count for value, count in found.iter_rows() if meets_bound(accuracy, value))

    def iterate_rows(self) -> Iterator[tuple[Instruction, list[Candidate]]]:
        """Go through the rows by id, each with the answers to it by their number."""
        for some in tables.batches(self._rows, INSTRUCTIONS, rows=ROWS):
            found = self._candidates(some)
            for row in iterate_instructions(some):
                yield row, found[row.id]

    def _candidates(self, rows: pl.DataFrame) -> Mapping[str, list[Candidate]]:
        refused = pl.col("verdicts").list.contains("false")
        checks = self._checks.read_for_rows(rows).select("id", "accuracy", refused=refused)
        scores = self._scores.read_for_rows(rows) if self._scores else QUALITIES.to_frame()
        known = checks.join(scores.select("id", "score"), on="id", how="left")
        answers = self._answers.read_for_rows(rows).join(known, on="id", how="left").sort("number")
        found: defaultdict[str, list[Candidate]] = defaultdict(list)
        columns = (*Answer._fields, "accuracy", "score", "refused")
        for *answer, accuracy, score, broken in answers.select(columns).iter_rows():
            given = Answer._make(answer)
            found[given.row].append(Candidate(given, accuracy, score, broken))
        return found
