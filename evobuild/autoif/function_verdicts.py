"""What was written for a constraint, brought together, and what its functions say about its cases.

Equal functions count once, and equal cases. A function runs in a sandbox of its own, nowhere else; it
gives a verdict on a case if what it returns reads as a boolean, and else there is a reason why not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import polars as pl

from evobuild import sandbox
from evobuild.autoif import booleans
from evobuild.autoif.records import FUNCTION, Case
from evobuild.process.progress import metered
from evobuild.sandbox.params import Limits


class Function(NamedTuple):
    """A function as written; id: of its verifier."""

    id: str
    number: int
    code: str


@dataclass(frozen=True)
class ConstraintVerifiers:
    """The functions and cases that were written for a constraint, each once, in the order of the verifiers.

    functions_written, cases_written: how many there were before equal ones were taken together.
    """

    id: str
    constraint: str
    model: str
    functions: tuple[Function, ...]
    cases: tuple[Case, ...]
    functions_written: int
    cases_written: int


class FunctionVerdicts(NamedTuple):
    """What a function says about each case; None where it gives no verdict, `errors` says why."""

    verdicts: tuple[bool | None, ...]
    errors: tuple[str, ...]
    isolated: bool

    @property
    def ran(self) -> bool:
        """Return whether it gave a verdict on any case."""
        return any(verdict is not None for verdict in self.verdicts)

    @property
    def error(self) -> str:
        """Return the most common reason for no verdict, ties by name; '' without one."""
        counted = Counter(self.errors)
        return min(counted, key=lambda reason: (-counted[reason], reason), default="")


NO_VERDICTS = FunctionVerdicts((), (), True)
"""Of a function that there was no case for."""


def gather_verifiers(constraints: pl.DataFrame, verifiers: pl.DataFrame) -> list[ConstraintVerifiers]:
    """Gather what was written for each constraint, by its id."""
    written: dict[str, list[Mapping[str, Any]]] = {}
    for row in verifiers.sort("number").iter_rows(named=True):
        written.setdefault(row["constraint_id"], []).append(row)
    return [
        _merge_verifiers(row, written.get(row["id"], []))
        for row in constraints.sort("id").iter_rows(named=True)
    ]


def _merge_verifiers(
    constraint: Mapping[str, Any], verifiers: Sequence[Mapping[str, Any]]
) -> ConstraintVerifiers:
    functions: dict[str, Function] = {}
    for row in verifiers:
        functions.setdefault(row["code"].strip(), Function(row["id"], row["number"], row["code"]))
    cases = [Case(**case) for row in verifiers for case in row["cases"]]
    return ConstraintVerifiers(
        constraint["id"],
        constraint["constraint"],
        constraint["model"],
        tuple(functions.values()),
        tuple(dict.fromkeys(cases)),
        functions_written=len(verifiers),
        cases_written=len(cases),
    )


def run_functions(
    constraints: Sequence[ConstraintVerifiers], limits: Limits
) -> Iterator[tuple[str, FunctionVerdicts]]:
    """Run every function on all cases of its constraint; give its verdicts by its id, in any order."""
    jobs = (
        sandbox.Job(function.id, function.code, FUNCTION, tuple((case.input,) for case in each.cases))
        for each in constraints
        for function in each.functions
        if each.cases
    )
    count = sum(len(each.functions) for each in constraints if each.cases)
    for outcome in metered(sandbox.run_jobs(jobs, limits), "sandbox", "functions", count):
        yield outcome.key, read_function_verdicts(outcome)


def read_function_verdicts(outcome: sandbox.Outcome) -> FunctionVerdicts:
    """Read what a function answered; whatever reads as a boolean is a verdict."""
    found = [booleans.read_case_verdict(each) for each in outcome.answers]
    verdicts = tuple(each if isinstance(each, bool) else None for each in found)
    errors = tuple(
        verdict
        for each, verdict in zip(outcome.answers, found, strict=True)
        # A case that was not reached says nothing of its own.
        if isinstance(verdict, str) and each.error != "unreached"
    )
    return FunctionVerdicts(verdicts, errors, outcome.isolation != "none")
