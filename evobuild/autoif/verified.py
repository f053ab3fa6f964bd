"""Constraints with the functions and cases that are left of each, as records of their table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import polars as pl

from evobuild.autoif.records import VERIFIED, Case


class Function(NamedTuple):
    """Code of `evaluate(response)`, and the share of the cases that it judges right."""

    code: str
    accuracy: float


class Verified(NamedTuple):
    """A constraint; the most accurate function first. model: who wrote it, '' for a seed."""

    id: str
    constraint: str
    model: str
    functions: tuple[Function, ...]
    cases: tuple[Case, ...]


def read_verified_constraints(rows: pl.DataFrame) -> Iterator[Verified]:
    """Go through a VERIFIED table in the order of the ids."""
    for own, constraint, model, functions, cases in rows.select(list(VERIFIED)).sort("id").iter_rows():
        yield Verified(
            own,
            constraint,
            model,
            tuple(Function(each["code"], each["accuracy"]) for each in functions),
            tuple(Case(each["input"], each["expected"]) for each in cases),
        )
