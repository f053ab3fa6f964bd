"""Small tables of figures as CSV: git keeps them, DVC plots them, and people open them in a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from evobuild.core.errors import BadInput
from evobuild.core.escaping import on_terminal

_MARKUP = str.maketrans("<>", "‹›")
_FORMULA = tuple("=+-@＝＋－＠\t")
"""What a spreadsheet takes for the beginning of a formula."""


def write_csv(
    path: Path, rows: pl.DataFrame | Sequence[Mapping[str, object]], columns: Sequence[str] = ()
) -> None:
    """Write a small table to plot; every row has the keys of the first.

    columns: of a table that may have no rows.

    Texts enter as `text_cell` gives them: a spreadsheet opens such a file, and DVC's page has it in a script.
    """
    records: Sequence[Mapping[str, object]] = rows.to_dicts() if isinstance(rows, pl.DataFrame) else rows
    columns = rows.columns if isinstance(rows, pl.DataFrame) else [*rows[0]] if rows else columns
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        for each in records:
            writer.writerow(
                {key: text_cell(value) if isinstance(value, str) else value for key, value in each.items()}
            )


def read_csv(
    path: Path, columns: Mapping[str, Callable[[str], Any]], optional: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Read some columns of a small table. optional: those that may be lacking, as if they were empty.

    Raises BadInput naming the file if it lacks another column, or a value is null.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return [
                {
                    name: kind(row.get(name, "") if name in optional else row[name])
                    for name, kind in columns.items()
                }
                for row in csv.DictReader(stream)
            ]
    except (OSError, KeyError, TypeError, ValueError) as error:
        wanted = ", ".join(columns)
        raise BadInput(f"{path}: not a readable table of {wanted}: {error}") from error


def text_cell(text: str) -> str:
    """Format a text as a cell of a CSV file: no markup, no control character, no formula.

    A cell that begins like a formula gets an apostrophe before it (OWASP, CSV Injection).
    """
    shown = on_terminal(text).translate(_MARKUP)
    return f"'{shown}" if shown.lstrip().startswith(_FORMULA) else shown
