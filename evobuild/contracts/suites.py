"""Suites: `expectations/<table>.yaml`, which users edit, read strictly.

    expectations:
      - type: expect_column_values_to_be_between
        kwargs: {column: difficulty, min_value: 0, max_value: {$PARAMETER: most_difficult}}
        severity: warning            # critical, which stops the line, unless it says so; warning; info
        notes: a judge gives 0 to 100

Types and kwargs are Great Expectations' own; `expectations.py` asks it about them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from evobuild.contracts.result import SEVERITIES, Severity
from evobuild.core.errors import BadInput
from evobuild.core.suggestions import suggest, unknown_name
from evobuild.core.yaml_files import read_yaml

TABLES = (
    "rounds", "responses", "ratings", "scores", "diversity", "rewards", "tags", "contamination",
    "preferences", "dataset", "pools", "balance", "rejects", "drift", "evaluation", "comparisons", "exports",
)  # fmt: skip
"""What may have a suite; docs/contracts.md says what columns each has."""
PARAMETER = "$PARAMETER"
_KEYS = ("type", "kwargs", "severity", "notes")
OF_COLUMNS = ("expect_table_column", "expect_column_to_exist", "expect_column_values_to_be_of_type",
              "expect_column_values_to_be_in_type_list")  # fmt: skip
"""How types begin that speak of names and types of columns, and need no row."""
_NAMING = ("expect_table_column", "expect_column_to_exist")
"""Those whose columns need not be there."""


class Entry(NamedTuple):
    """An expectation as a suite has it. place: "expectations/rounds.yaml, entry 3 (expect_…)"."""

    place: str
    type: str
    kwargs: Mapping[str, Any]
    severity: Severity
    notes: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns whose values it looks at, each once."""
        if self.type.startswith(_NAMING):
            return ()
        given = self.kwargs
        named = [given[key] for key in ("column", "column_A", "column_B") if key in given]
        # Great Expectations' conditions name a column as col("…").
        filtered = re.findall(r"""col\(["']([^"']+)["']\)""", str(given.get("row_condition", "")))
        return tuple(dict.fromkeys(map(str, [*named, *given.get("column_list", ()), *filtered])))

    @property
    def is_of_columns(self) -> bool:
        """Whether it speaks of names and types of columns alone."""
        return self.type.startswith(OF_COLUMNS)

    @property
    def parameters(self) -> list[str]:
        """The names of parameters that it is given."""
        return [str(each[PARAMETER]) for each in self.kwargs.values()
                if isinstance(each, dict) and PARAMETER in each]  # fmt: skip


def read_suites(
    folder: Path, columns: Mapping[str, Iterable[str]], known: Iterable[str]
) -> dict[str, list[Entry]]:
    """Read the suites of some tables; a table without a file has no expectations.

    columns: of each table. known: names of parameters.

    Raises BadInput at a key, a column or a parameter that there is not.
    """
    found = {}
    for table, own in columns.items():
        if (path := folder / f"{table}.yaml").exists():
            found[table] = list(_entries(path, table, list(own), list(known)))
    return found


def refuse_strange_files(folder: Path) -> None:
    """Raise BadInput at a suite of a table that there is not."""
    names = sorted(TABLES)
    for path in sorted(folder.iterdir()):
        if path.suffix in (".yaml", ".yml") and path.name not in {f"{name}.yaml" for name in names}:
            known = [f"{name}.yaml" for name in names]
            raise BadInput(f"{folder}: {unknown_name('suite', path.name, known)}")


def _entries(path: Path, table: str, columns: list[str], known: list[str]) -> Iterator[Entry]:
    content = read_yaml(path)
    entries = content.get("expectations")
    if list(content) != ["expectations"] or not isinstance(entries, list):
        raise BadInput(f"{path}: has the keys {', '.join(content)}; expected 'expectations', a list, alone")
    for number, given in enumerate(entries, start=1):
        entry = _entry(f"{path}, entry {number}", given)
        for column in entry.columns:
            if column not in columns:
                raise BadInput(f"{entry.place}: {unknown_name(f'column of {table}', column, columns)}")
        for name in entry.parameters:
            if name not in known:
                raise BadInput(
                    f"{entry.place}: the parameter '{name}' is not in contracts.thresholds of params.yaml; "
                    f"{suggest(name, known)}"
                )
        yield entry


def _entry(place: str, given: object) -> Entry:
    if not isinstance(given, dict) or not isinstance(given.get("type"), str):
        raise BadInput(f"{place}: expected a mapping with 'type', such as expect_column_values_to_be_unique")
    place = f"{place} ({given['type'][:80]})"
    for key in given:
        if key not in _KEYS:
            raise BadInput(f"{place}: {unknown_name('key', key, _KEYS)}")
    severity, kwargs = given.get("severity", "critical"), given.get("kwargs", {})
    if severity not in SEVERITIES:
        raise BadInput(f"{place}: {unknown_name('severity', severity, SEVERITIES)}")
    if not isinstance(kwargs, dict):
        raise BadInput(f"{place}: kwargs is {kwargs!r}; expected a mapping")
    return Entry(place, given["type"], kwargs, severity, str(given.get("notes", "")))
