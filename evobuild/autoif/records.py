"""Define the tables of the AutoIF branch and their rows.

A constraint is one demand on the form of an answer, which code can check ("Use no comma."). Verifiers
are functions `evaluate(response)` that say whether an answer keeps it, each written by a model with
cases to try it on. A row of the branch has a constraint as its instruction and a query as its input; its
answers are numbered.
"""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from evobuild.core.instructions import row_id

_CASES = pl.List(pl.Struct({"input": pl.String, "expected": pl.Boolean}))

CONSTRAINTS = pl.Schema(dict.fromkeys(("id", "constraint", "origin", "model"), pl.String))
"""origin: seed, or round-<n> of self-instruct. model: who wrote it, '' for a seed."""

VERIFIERS = pl.Schema(
    {
        "id": pl.String(),
        "constraint_id": pl.String(),
        "number": pl.Int64(),
        "code": pl.String(),
        "cases": _CASES,
    }
)
"""What a model wrote for a constraint, one row a reply; number: of the sample, from 0."""

FUNCTION_VERDICTS = pl.Schema(
    {
        "id": pl.String,
        "constraint_id": pl.String,
        "number": pl.Int64,
        "accuracy": pl.Float64,
        "error": pl.String,
        "kept": pl.Boolean,
    }
)
"""Every distinct function, by the id of the first verifier that has it. accuracy: share of the kept cases
that it judges right, null if it gave no verdict or no case is kept. error: the commonest reason that it
gave no verdict on a case, else ''."""

CASE_VERDICTS = pl.Schema(
    {
        "id": pl.String,
        "constraint_id": pl.String,
        "input": pl.String,
        "expected": pl.Boolean,
        "agreement": pl.Float64,
        "kept": pl.Boolean,
        "contradicted": pl.Boolean,
    }
)
"""Every distinct case. agreement: share of the functions that say what it expects, null if none ran.
contradicted: another case expects the opposite of the same answer, and enough agree with each of them."""

VERIFIED = pl.Schema(
    {
        "id": pl.String(),
        "constraint": pl.String(),
        "model": pl.String(),
        "functions": pl.List(pl.Struct({"code": pl.String, "accuracy": pl.Float64})),
        "cases": _CASES,
    }
)
"""Constraints that are left, by their id, with the functions and cases that are left of each; the most
accurate function first."""

BACKTRANSLATIONS = pl.Schema(
    {"id": pl.String, "constraint_id": pl.String, "number": pl.Int64, "text": pl.String}
)
"""What the function of this number in VERIFIED checks, in words; read from the code alone."""

ANSWERS = pl.Schema(
    {
        "id": pl.String,
        "row": pl.String,
        "number": pl.Int64,
        "answer": pl.String,
        "reasoning": pl.String,
    }
)
"""Answers of the responder to a row, numbered from 0. reasoning: what it thought first, '' if nothing."""

CHECKS = pl.Schema(
    {"id": pl.String(), "row": pl.String(), "accuracy": pl.Float64(), "verdicts": pl.List(pl.String)}
)
"""Each answer by its id. accuracy: share of the functions that find the constraint kept. verdicts: of
each function in its order, true, false, or why it gave none."""

QUALITIES = pl.Schema(
    {"id": pl.String, "row": pl.String, "score": pl.Float64, "reason": pl.String, "reply": pl.String}
)
"""Answers that were judged, by their id. score: 0 to 10; null if the judge's reply gives none: then
reason and reply are why and what it was, else ''."""

FUNCTION = "evaluate"
"""The name of every function."""


class Case(NamedTuple):
    """An answer and whether it keeps the constraint, as the writer of a verifier has it."""

    input: str
    expected: bool


class BackTranslation(NamedTuple):
    """A row of BACKTRANSLATIONS."""

    id: str
    constraint_id: str
    number: int
    text: str


class Answer(NamedTuple):
    """A row of ANSWERS."""

    id: str
    row: str
    number: int
    answer: str
    reasoning: str = ""


def constraint_operation(constraint_id: str) -> str:
    """Name the operation of the rows that have a constraint."""
    return f"autoif-{constraint_id}"


def answer_id(row: str, number: int) -> str:
    """Return the id of a responder's reply to a row, for an answer or a reject."""
    return row_id("answer", row, str(number))
