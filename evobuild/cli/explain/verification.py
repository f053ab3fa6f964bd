"""Read the verification of a constraint, and of a row with one, from the tables of an AutoIF branch.

Rejects are found by the ids that their step assigns: "<constraint id>-<number>" for a reply without a
verifier, a hash of row and number for a reply without an answer. Missing tables are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from evobuild.autoif.records import (
    ANSWERS,
    BACKTRANSLATIONS,
    CASE_VERDICTS,
    CHECKS,
    CONSTRAINTS,
    FUNCTION_VERDICTS,
    QUALITIES,
    VERIFIERS,
    answer_id,
    constraint_operation,
)
from evobuild.core.instructions import INSTRUCTIONS, Instruction
from evobuild.core.rejects import REJECTS
from evobuild.core.stages import file_stem
from evobuild.reporting.outcomes import Reader, RejectRecord

DATA = Path("data")


class Function(NamedTuple):
    """A function that was written for a constraint. number: of the reply, from 0.

    tried: run on the cases; False if it repeats another. place: its position, from 0, among the functions
    that check answers; None if it does not check any. accuracy: None if unknown. error: why it gave no
    verdict, else ''. meaning: what it checks, in words; '' without a back-translation.
    """

    number: int
    code: str
    tried: bool
    place: int | None
    accuracy: float | None
    error: str
    meaning: str


class Trial(NamedTuple):
    """A case that functions were tried on. agreement: None if none of them judged it."""

    input: str
    expected: bool
    agreement: float | None
    kept: bool


class Constraint(NamedTuple):
    """A constraint, its functions, those that judge answers first, its cases, and where replies were lost.

    origin: seed or round-<n>. model: who wrote it, '' for a seed. failed: replies without a function, by
    their number. losses: where the constraint itself was lost.
    """

    id: str
    text: str
    origin: str
    model: str
    functions: tuple[Function, ...]
    failed: tuple[tuple[int, RejectRecord], ...]
    trials: tuple[Trial, ...]
    losses: tuple[RejectRecord, ...]


class Answer(NamedTuple):
    """A reply to a row. number: from 0. verdicts: of each function in its place.

    accuracy: None if it was not checked. judged: whether the judge was called; score: 0 to 10, None without
    a score. taken: whether it is the row's output. loss: why the reply was rejected.
    """

    number: int
    text: str
    accuracy: float | None
    verdicts: tuple[str, ...]
    judged: bool
    score: float | None
    taken: bool
    loss: RejectRecord | None


class Verification(NamedTuple):
    """The verification of a row. constraint: None if its table is missing."""

    constraint: Constraint | None
    answers: tuple[Answer, ...]
    losses: tuple[RejectRecord, ...]


def read_verification(row: Instruction, branch: str, count: int, table: Reader) -> Verification:
    """Read the verification of a row. count: of replies to it. Raises BadInput as `table` does."""
    losses = tuple(_read_rejects(branch, "quality", table, lambda key: key == row.id))
    found = tuple(_read_answers(row, branch, count, table))
    ids = table(branch_table_path(branch, "constraints"), CONSTRAINTS)["id"]
    own = [key for key in ids if constraint_operation(key) == row.operation]
    return Verification(read_constraint(own[0], branch, table) if own else None, found, losses)


def read_constraint(key: str, branch: str, table: Reader) -> Constraint | None:
    """Read the verification of a constraint; None if its table is missing or does not have it."""
    for _, text, origin, model in (
        table(branch_table_path(branch, "constraints"), CONSTRAINTS).filter(id=key).iter_rows()
    ):
        failed = sorted(_read_failed_verifiers(key, branch, table))
        lost = [
            loss
            for step in ("crosscheck", "entailment")
            for loss in _read_rejects(branch, step, table, lambda each: each == key)
        ]
        functions, trials = _read_functions(key, branch, table), _read_trials(key, branch, table)
        return Constraint(
            key, text, origin, model, tuple(functions), tuple(failed), tuple(trials), tuple(lost)
        )
    return None


def branch_table_path(branch: str, name: str) -> Path:
    """Return the path of a branch's table."""
    return DATA / branch / f"{name}.parquet"


def _read_rejects(
    branch: str, step: str, table: Reader, wanted: Callable[[str], bool]
) -> Iterator[RejectRecord]:
    rejects = table(DATA / f"rejects/{file_stem(step, branch)}.parquet", REJECTS)
    for key, *why in rejects.select(list(REJECTS)).iter_rows():
        if wanted(key):
            yield RejectRecord(step, *why)


def _read_failed_verifiers(key: str, branch: str, table: Reader) -> Iterator[tuple[int, RejectRecord]]:
    """Yield the rejected replies without a function for a constraint."""
    rejects = table(DATA / f"rejects/{file_stem('verifiers', branch)}.parquet", REJECTS)
    own = rejects.filter(pl.col("id").str.starts_with(f"{key}-"))
    for each, *why in own.select(list(REJECTS)).iter_rows():
        yield int(each.rpartition("-")[2]), RejectRecord("verifiers", *why)


def _read_functions(key: str, branch: str, table: Reader) -> list[Function]:
    own = pl.col("constraint_id") == key
    verdicts = table(branch_table_path(branch, "function_verdicts"), FUNCTION_VERDICTS).filter(own)
    of_verifier: dict[str, dict[str, Any]] = {each["id"]: each for each in verdicts.to_dicts()}
    # The order in which crosscheck writes them: an answer's verdicts follow it.
    kept = verdicts.filter("kept").sort("accuracy", "number", descending=[True, False])["id"]
    places = {each: place for place, each in enumerate(kept)}
    said = table(branch_table_path(branch, "backtranslations"), BACKTRANSLATIONS).filter(own)
    meanings = dict(said.select("number", "text").iter_rows())
    found = []
    for each, number, code in (
        table(branch_table_path(branch, "verifiers"), VERIFIERS)
        .filter(own)
        .select("id", "number", "code")
        .iter_rows()
    ):
        verdict, place = of_verifier.get(each, {}), places.get(each)
        meaning = meanings.get(place, "") if place is not None else ""
        tried = each in of_verifier
        found.append(
            Function(number, code, tried, place, verdict.get("accuracy"), verdict.get("error", ""), meaning)
        )
    return sorted(found, key=lambda each: (each.place is None, each.place, each.number))


def _read_trials(key: str, branch: str, table: Reader) -> list[Trial]:
    cases = table(branch_table_path(branch, "case_verdicts"), CASE_VERDICTS).filter(constraint_id=key)
    rows = cases.sort("kept", "agreement", "id", descending=[True, True, False], nulls_last=True)
    return [Trial(*values) for values in rows.select(Trial._fields).iter_rows()]


def _read_answers(row: Instruction, branch: str, count: int, table: Reader) -> Iterator[Answer]:
    own, itself = pl.col("row") == row.id, pl.col("id") == row.id
    checks = table(branch_table_path(branch, "checks"), CHECKS, where=own).select(
        "id", "accuracy", "verdicts"
    )
    of_answer = {key: (accuracy, tuple(verdicts)) for key, accuracy, verdicts in checks.iter_rows()}
    judged = dict(
        table(branch_table_path(branch, "qualities"), QUALITIES, where=own).select("id", "score").iter_rows()
    )
    output = "".join(table(DATA / f"rounds/{branch}.parquet", INSTRUCTIONS, where=itself)["output"])
    given = table(branch_table_path(branch, "answers"), ANSWERS, where=own)
    found = {number: (key, text) for key, number, text in given.select("id", "number", "answer").iter_rows()}
    taken = min((number for number, (_, text) in found.items() if output and text == output), default=None)
    rejects = table(DATA / f"rejects/{file_stem('sample', branch)}.parquet", REJECTS)
    lost = {key: RejectRecord("sample", *why) for key, *why in rejects.select(list(REJECTS)).iter_rows()}
    for number in range(max([count, *(number + 1 for number in found)])):
        key, text = found.get(number, (answer_id(row.id, number), ""))
        if number in found or key in lost:
            accuracy, verdicts = of_answer.get(key, (None, ()))
            yield Answer(
                number, text, accuracy, verdicts, key in judged, judged.get(key), number == taken,
                lost.get(key) if number not in found else None,
            )  # fmt: skip
