"""What a preset will ask of models where it switches AutoIF on: the one branch whose calls multiply.

A bound, by the params alone: every constraint that is invented may be left, and each is put to so many
queries, each of which is answered so many times.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evobuild.autoif.params import AutoIF
from evobuild.core.errors import UserError
from evobuild.core.instructions import SEED_ROUND
from evobuild.core.text_files import read_text
from evobuild.core.yaml_files import read_yaml
from evobuild.seeds.records import read_records


def describe_calls(settings: Mapping[str, Any], params: Path) -> str:
    """Say what AutoIF asks at most with a preset's settings, by dotted key; '' if that does not set it on.

    Raises UserError if params or the files that they name are not as they should be.
    """
    if "autoif" not in _with({}, settings).get("branches", {}) or not params.exists():
        return ""
    content = read_yaml(params)
    given = AutoIF.model_validate(_with(content, settings)["autoif"])
    seeds, there = len(read_text(Path(given.seeds)).splitlines()), _queries(given, content)
    constraints = seeds + given.augment.rounds * given.augment.count
    left = min(constraints, given.crosscheck.constraints or constraints)
    queries = min(given.compose.count, there)
    rows = min(left * queries, given.compose.rows or left * queries)
    each = max(given.sample.count, 1)
    return (
        f"autoif asks at most {given.augment.rounds:,} replies for constraints, "
        f"{constraints * given.verifiers.count:,} for functions ({constraints:,} constraints, "
        f"{given.verifiers.count} each) and {rows * each:,} for answers ({left:,} constraints, {queries} of "
        f"{there:,} queries for each, {each} for each row): {queries * each:,} answers for each constraint "
        "that is left; `plan` with the same options says the rest"
    )


def _with(content: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Params with other values, by dotted key."""
    found = dict(content)
    for key, value in settings.items():
        section, _, rest = key.partition(".")
        if rest:
            found[section] = _with(found.get(section) or {}, {rest: value})
        else:
            found[section] = value
    return found


def _queries(given: AutoIF, content: Mapping[str, Any]) -> int:
    """Rows that are put to constraints: of the file, or of the seed."""
    seed = content["seed"]
    file = given.compose.file if given.compose.queries == "file" else seed["source"]
    try:
        rows = sum(1 for _ in read_records(Path(file)))
    except OSError as error:
        raise UserError(f"{file}: cannot be read, so that the rows of {SEED_ROUND} are not known") from error
    return min(rows, seed["rows"] or rows) if given.compose.queries == "seed" else rows
