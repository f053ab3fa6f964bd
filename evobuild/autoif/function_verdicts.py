"""What was written for a constraint, brought together, and what its functions say about its cases.

Equal functions count once, and equal cases. A function runs in a sandbox of its own, nowhere else; it
gives a verdict on a case if what it returns reads as a boolean, and else there is a reason why not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import polars as pl

from evobuild import sandbox
from evobuild.autoif import booleans
from evobuild.autoif.records import FUNCTION, Case
from evobuild.sandbox.params import Limits


class Function(NamedTuple):
    """A function as written; id: of its verifier."""

    id: str
    number: int
    code: str


@dataclass(frozen=True)
class Panel:
    """What is there of one constraint, each thing once, in the order of the verifiers.

    written: functions and cases before equal ones were taken together.
    """

    id: str
    constraint: str
    model: str
    functions: tuple[Function, ...]
    cases: tuple[Case, ...]
    written: tuple[int, int]


class Said(NamedTuple):
    """What a function says about each case; None where it gives no verdict, `errors` says why."""

    verdicts: tuple[bool | None, ...]
    errors: tuple[str, ...]
    isolated: bool

    @property
    def ran(self) -> bool:
        return any(verdict is not None for verdict in self.verdicts)

    @property
    def error(self) -> str:
        """The commonest reason for no verdict, ties by name; '' if there is none."""
        counted = Counter(self.errors)
        return min(counted, key=lambda reason: (-counted[reason], reason), default="")


SILENT = Said((), (), True)
"""Of a function that there was no case for."""


def panels(constraints: pl.DataFrame, verifiers: pl.DataFrame) -> list[Panel]:
    """Gather what was written for each constraint, by its id."""
    written: dict[str, list[Mapping[str, Any]]] = {}
    for row in verifiers.sort("number").iter_rows(named=True):
        written.setdefault(row["constraint_id"], []).append(row)
    return [
        _panel(row["id"], row["constraint"], row["model"], written.get(row["id"], []))
        for row in constraints.sort("id").iter_rows(named=True)
    ]


def _panel(id: str, constraint: str, model: str, rows: Sequence[Mapping[str, Any]]) -> Panel:
    functions: dict[str, Function] = {}
    for row in rows:
        functions.setdefault(row["code"].strip(), Function(row["id"], row["number"], row["code"]))
    every = [Case(**case) for row in rows for case in row["cases"]]
    distinct = tuple(dict.fromkeys(every))
    return Panel(id, constraint, model, tuple(functions.values()), distinct, (len(rows), len(every)))


def run(panels: Iterable[Panel], limits: Limits) -> Iterator[tuple[str, Said]]:
    """Have every function judge all cases of its panel, and give what it says by its id, in any order."""
    jobs = (
        sandbox.Job(function.id, function.code, FUNCTION, tuple((case.input,) for case in panel.cases))
        for panel in panels
        for function in panel.functions
        if panel.cases
    )
    for outcome in sandbox.run_jobs(jobs, limits):
        yield outcome.key, said(outcome)


def said(outcome: sandbox.Outcome) -> Said:
    """Read what a function answered; whatever reads as a boolean is a verdict."""
    found = [booleans.verdict(each) for each in outcome.answers]
    verdicts = tuple(each if isinstance(each, bool) else None for each in found)
    errors = tuple(
        verdict
        for each, verdict in zip(outcome.answers, found, strict=True)
        # A case that was not reached says nothing of its own.
        if isinstance(verdict, str) and each.error != "unreached"
    )
    return Said(verdicts, errors, outcome.isolation != "none")
