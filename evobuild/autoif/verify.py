"""Checks: all functions of its constraint run on each answer, in the sandbox.

A function has one sandbox a row, with all answers to the row as its cases, so what one answer does to
it the later ones may feel: they are "unreached" if it ended there. A function that gives no verdict has
not found the constraint kept. Source: execution feedback of AutoIF, arXiv:2406.13542, section 3.3.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, starmap
from pathlib import Path
from typing import NamedTuple

import polars as pl

from evobuild import sandbox
from evobuild.autoif import booleans
from evobuild.autoif.answers_by_row import ROWS, ByRow
from evobuild.autoif.records import FUNCTION, Answer, constraint_operation
from evobuild.autoif.verified import Function, Verified
from evobuild.core import tables
from evobuild.core.errors import BadInput
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.core.params import meets_bound
from evobuild.core.rejects import Reject
from evobuild.process.progress import metered
from evobuild.sandbox import Isolation, Job, Outcome
from evobuild.sandbox.params import Limits

VERDICTS = {True: "true", False: "false"}


class Check(NamedTuple):
    """What the functions of its constraint, in their order, say of an answer."""

    id: str
    row: str
    accuracy: float
    verdicts: tuple[str, ...]


class AnsweredRow(NamedTuple):
    """A row with the functions of its constraint, and the answers to it by their number."""

    id: str
    functions: Sequence[Function]
    answers: Sequence[Answer]


def functions_by_operation(constraints: Iterable[Verified]) -> dict[str, tuple[Function, ...]]:
    """Give the functions of each constraint, by the operation of the rows that have it."""
    return {constraint_operation(each.id): each.functions for each in constraints}


def count_runs(rows: Path, answers: ByRow, functions: Mapping[str, Sequence[Function]]) -> int:
    """Count the sandboxes that the answers to a table of rows take: one a function of an answered row.

    Raises BadInput if the constraint of a row is not there.
    """
    runs = 0
    for some in _row_batches(rows):
        unknown = some.filter(~pl.col("operation").is_in(list(functions)))
        if unknown.height:
            row, operation = unknown.row(0)
            raise BadInput(f"row {row}: its constraint, of '{operation}', is none of those verified")
        answered = some.join(answers.read_for_rows(some), left_on="id", right_on="row", how="semi")
        runs += sum(len(functions[operation]) for operation in answered["operation"])
    return runs


def read_answered_rows(
    rows: Path, answers: ByRow, functions: Mapping[str, Sequence[Function]]
) -> Iterator[AnsweredRow]:
    """Go through the rows of a table that were answered. answers: with number and answer."""
    for some in _row_batches(rows):
        operations = dict(some.iter_rows())
        ordered = answers.read_for_rows(some).select("id", "row", "number", "answer").sort("row", "number")
        for row, given in groupby(starmap(Answer, ordered.iter_rows()), key=lambda answer: answer.row):
            yield AnsweredRow(row, functions[operations[row]], tuple(given))


def _row_batches(rows: Path) -> Iterator[pl.DataFrame]:
    return tables.batches(rows, INSTRUCTIONS, ("id", "operation"), ROWS)


def check_answers(
    rows: Iterable[AnsweredRow], runs: int, limits: Limits, isolation: Isolation | None = None
) -> Iterator[tuple[Answer, Check]]:
    """Run the functions of its row on each answer, in any order. runs: how many there are, to show.

    Raises UserError if this machine offers no isolation, or a sandbox does not start.
    """
    running: dict[str, tuple[AnsweredRow, dict[int, list[str]]]] = {}

    def jobs() -> Iterator[Job]:
        for row in rows:
            running[row.id] = row, {}
            cases = tuple((answer.answer,) for answer in row.answers)
            for number, function in enumerate(row.functions):
                yield Job(f"{row.id}/{number}", function.code, FUNCTION, cases)

    outcomes = sandbox.run_jobs(jobs(), limits, isolation)
    for outcome in metered(outcomes, "sandbox", "functions", runs):
        key, _, number = outcome.key.partition("/")
        row, verdicts = running[key]
        verdicts[int(number)] = _read_verdicts(outcome)
        if len(verdicts) == len(row.functions):
            del running[key]
            columns = [column for _, column in sorted(verdicts.items())]
            for answer, of_answer in zip(row.answers, zip(*columns, strict=True), strict=True):
                accuracy = of_answer.count("true") / len(of_answer)
                yield answer, Check(answer.id, key, accuracy, of_answer)


def _read_verdicts(outcome: Outcome) -> list[str]:
    """Return a function's verdict on each case: true, false, or why it has none."""
    found = (booleans.read_case_verdict(answer) for answer in outcome.answers)
    return [each if isinstance(each, str) else VERDICTS[each] for each in found]


def reject_answer(answer: Answer, check: Check, bound: str) -> Reject | None:
    """Give the reject of an answer whose accuracy is not as params want it."""
    if meets_bound(bound, check.accuracy):
        return None
    reason = "accuracy too low" if check.accuracy else "accuracy 0"
    return Reject(check.id, reason, ", ".join(check.verdicts), answer.answer)


def list_missing_verdicts(check: Check) -> Iterator[str]:
    """Give the kind of each verdict that a function did not give."""
    given = VERDICTS.values()
    return (verdict.partition(":")[0] for verdict in check.verdicts if verdict not in given)
