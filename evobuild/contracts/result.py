"""Results of validation: `data/validation/*.json`, read by reports and cards.

    {"success": true, "tables": [{"table": "ratings", "rows": 210, "off": "", "expectations": [
        {"type": "expect_column_values_to_be_between", "column": "difficulty",
         "kwargs": {"column": "difficulty", "min_value": 0, "max_value": 100}, "severity": "warning",
         "success": false, "rows": 210, "unexpected": 3, "share": 0.0143, "observed": null,
         "ids": ["0c9f…", …], "notes": "a judge gives 0 to 100"}]}]}

A table whose stage is switched off says by which param in `off`, and its expectations were not held.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from evobuild.contracts.wording import describe_expectation, format_value
from evobuild.core.errors import BadInput
from evobuild.core.json_files import read_json_file, write_json

Severity = Literal["critical", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
MOST_IDS = 20
"""Failing ids that are kept of an expectation."""
SHOWN_IDS = 3
"""Failing ids that a message names."""


class Outcome(NamedTuple):
    """The result of an expectation.

    type, kwargs: Great Expectations' own, with parameters filled in. column: what it is of; several are
    joined by ", "; '' if it is of the table. rows: that were looked at. unexpected, share: those that are not
    as they should be; None if it is of the table or of a figure of all rows. observed: that figure, else
    None. ids: of unexpected rows, MOST_IDS at the most. notes: why it is expected.
    """

    type: str
    column: str
    kwargs: dict[str, Any]
    severity: Severity
    success: bool
    rows: int
    unexpected: int | None
    share: float | None
    observed: Any
    ids: list[str]
    notes: str


class TableOutcomes(NamedTuple):
    """The results of a table's expectations. off: the param that disables the table, '' if enabled."""

    table: str
    rows: int
    off: str
    expectations: list[Outcome]


class Failure(NamedTuple):
    """An expectation that a table does not meet."""

    table: str
    outcome: Outcome

    def __str__(self) -> str:
        """Instance: `ratings: 3 of 210 rows (1.4%) break the rule "a judge gives 0 to 100"; …`."""
        found, many = self.outcome, self.outcome.unexpected
        wanted = describe_expectation(found.type, found.kwargs)
        rule = f'the rule "{found.notes}"; {wanted}' if found.notes else f'the rule "{wanted}"'
        if many is None:
            seen = "" if found.observed is None else f", but {format_value(found.observed)} was found"
            return f"{self.table}: breaks {rule}{seen}"
        said = f"{many:,} of {found.rows:,} rows ({found.share or 0:.1%}) break{'s' * (many == 1)} {rule}"
        such = f", but not for {', '.join(found.ids[:SHOWN_IDS])}" if found.ids else ""
        return f"{self.table}: {said}{such}"


class Validation(NamedTuple):
    """The results of all tables. success: no critical expectation failed."""

    success: bool
    tables: list[TableOutcomes]

    def failures(self, severity: Severity) -> Iterator[Failure]:
        """The expectations of a severity that are not met."""
        for table in self.tables:
            for outcome in table.expectations:
                if not outcome.success and outcome.severity == severity:
                    yield Failure(table.table, outcome)


def combine_results(tables: list[TableOutcomes]) -> Validation:
    """Combine the results of some tables."""
    found = Validation(success=True, tables=tables)
    return found._replace(success=not any(found.failures("critical")))


def read_validation(path: Path) -> Validation:
    """Read what `write_validation` wrote. Raises BadInput if it is no such file."""
    content = read_json_file(path)
    try:
        tables = [
            TableOutcomes(**{**each, "expectations": [Outcome(**own) for own in each["expectations"]]})
            for each in content["tables"]
        ]
        return Validation(success=content["success"], tables=tables)
    except (KeyError, TypeError) as error:
        raise BadInput(f"{path}: expected what the stage validate writes; found no {error}") from error


def write_validation(path: Path, found: Validation) -> None:
    """Write it as JSON."""
    tables = [
        each._asdict() | {"expectations": [own._asdict() for own in each.expectations]}
        for each in found.tables
    ]
    write_json(path, {"success": found.success, "tables": tables})
