"""Show the results of expectations: as a page, as a section of the report, and as lines for a terminal.

Great Expectations' own pages load scripts from other hosts; this one is a file that needs nothing else. Ids
and values come from rows, so they are data: the page escapes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from evobuild.contracts.result import (
    SEVERITIES,
    Outcome,
    Severity,
    TableOutcomes,
    Validation,
    read_validation,
)
from evobuild.contracts.wording import describe_expectation, format_value
from evobuild.reporting import templates
from evobuild.reporting.verdict import contract_findings

RESULTS = ("tables.json", "outputs.json")
"""Of the tables up to the data set, and of what is made of it."""
OF_ROWS = frozenset(
    ("rounds", "responses", "ratings", "scores", "diversity", "rewards", "tags", "dataset",
     "preferences")
)  # fmt: skip
"""Tables whose ids are those of rows, which the explorer shows."""
EXPLORER = "explorer/index.html"
State = Literal["failed", "warning", "info", "passed"]
STATES: tuple[State, ...] = get_args(State)
UNMET: dict[Severity, State] = {"critical": "failed", "warning": "warning", "info": "info"}
"""What an expectation is called that is not met."""


class Line(NamedTuple):
    """An expectation as it is shown. wanted, found: in words. ids: of rows that are not as wanted."""

    state: State
    type: str
    wanted: str
    found: str
    ids: list[str]
    notes: str


class Part(NamedTuple):
    """A table as it is shown: its lines, what failed first. off: the param by which it was skipped."""

    table: str
    rows: int
    off: str
    linked: bool
    lines: list[Line]

    def count(self, *states: State) -> int:
        """How many lines are of some states."""
        return sum(line.state in states for line in self.lines)


def read_results(folder: Path, names: Iterable[str] = RESULTS) -> list[Validation]:
    """Read the results in a folder. Raises BadInput if one is missing or none."""
    return [read_validation(folder / name) for name in names]


def order_parts(found: Sequence[Validation]) -> list[Part]:
    """Lay tables out, those with failures first, then as they come."""
    parts = [_part(table) for each in found for table in each.tables]
    return sorted(parts, key=lambda part: (-part.count("failed"), -part.count("warning")))


def validation_page(found: Sequence[Validation], label: str, beside: str | None = "") -> str:
    """Write the page.

    label: DRY RUN, TOY, or ''. beside: relative path of the folder of report and explorer; None without one.
    """
    return templates.render_page(
        "validation.html.jinja",
        parts=order_parts(found),
        verdict=contract_findings(found),
        success=all(each.success for each in found),
        label=label,
        report="" if beside is None else f"{beside}report.html",
        explorer="" if beside is None else f"{beside}{EXPLORER}",
    )


def report_section(found: Sequence[Validation]) -> dict[str, Any]:
    """What the report says of expectations: how many there are, and tables that do not meet all of theirs."""
    parts = order_parts(found)
    missed = [part for part in parts if part.count("failed", "warning", "info")]
    return {"held": sum(len(part.lines) for part in parts), "contracts": missed}


def failure_lines(found: Sequence[Validation]) -> Iterator[str]:
    """Say what is not met, critical ones first, a line each."""
    for severity in SEVERITIES:
        for each in found:
            yield from (f"{UNMET[severity]}: {failure}" for failure in each.failures(severity))


def _part(table: TableOutcomes) -> Part:
    lines = sorted(map(_line, table.expectations), key=lambda line: STATES.index(line.state))
    return Part(table.table, table.rows, table.off, table.table in OF_ROWS, lines)


def _line(outcome: Outcome) -> Line:
    wanted = describe_expectation(outcome.type, outcome.kwargs)
    return Line(_state(outcome), outcome.type, wanted, _format_found(outcome), outcome.ids, outcome.notes)


def _state(outcome: Outcome) -> State:
    return "passed" if outcome.success else UNMET[outcome.severity]


def _format_found(outcome: Outcome) -> str:
    if outcome.unexpected is None:
        return "" if outcome.observed is None else format_value(outcome.observed)
    if not outcome.unexpected:
        return f"all {outcome.rows:,} rows" if outcome.rows else "no row"
    return f"{outcome.unexpected:,} of {outcome.rows:,} rows do not ({100 * (outcome.share or 0):.2g} %)"
