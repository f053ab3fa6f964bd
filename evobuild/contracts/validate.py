"""Validate tables against their suites: stop on critical failures, log warnings, write all results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evobuild.contracts.expectations import Table, Validator
from evobuild.contracts.result import Validation, combine_results, write_validation
from evobuild.contracts.suites import read_suites, refuse_strange_files
from evobuild.core.errors import BadInput
from evobuild.core.machine import repository_root
from evobuild.core.private_files import private_folder
from evobuild.process.terminal import log

MOST_SAID = 5
"""Warnings that are logged; the result has all of them."""


def validate_tables(given: Sequence[Table], suites: Path, parameters: Mapping[str, Any]) -> Validation:
    """Validate tables against the suites of a folder. Raises BadInput if a suite is malformed."""
    refuse_strange_files(suites)
    columns = {table.name: table.rows.collect_schema().names() for table in given}
    entries = read_suites(suites, columns, parameters)
    holder = Validator(parameters)
    return combine_results(
        [holder.validate(table, entries[table.name]) for table in given if table.name in entries]
    )


def finish(found: Validation, stage: str, out: Path) -> None:
    """Write a result, log its warnings, and raise BadInput if anything critical failed.

    The result of a line that stops is left in .evobuild/validation, where it can be read.
    """
    kept = private_folder(repository_root() / ".evobuild" / "validation") / f"{stage}.json"
    write_validation(kept, found)
    write_validation(out, found)
    warned, failed = list(found.failures("warning")), list(found.failures("critical"))
    for failure in warned[:MOST_SAID]:
        log(f"warning: {failure}")
    if len(warned) > MOST_SAID:
        log(f"warning: {len(warned) - MOST_SAID} more expectations failed; the report lists all")
    if failed:
        more = f"; {len(failed) - 1} more fail" if failed[1:] else ""
        raise BadInput(
            f"{failed[0]}{more}\n"
            f"all of it: evobuild validation; what is expected: expectations/{failed[0].table}.yaml"
        )
