"""Small tables of figures as CSV: git keeps them, DVC plots them, and people open them in a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from evobuild.core.control_characters import on_terminal

_MARKUP = str.maketrans("<>", "‹›")
_FORMULA = tuple("=+-@＝＋－＠\t")
"""What a spreadsheet takes for the beginning of a formula."""


def write_csv(path: Path, rows: pl.DataFrame | Sequence[Mapping[str, object]]) -> None:
    """Write a small table to plot; every row has the keys of the first.

    Texts enter as `text_cell` gives them: a spreadsheet opens such a file, and DVC's page has it in a script.
    """
    records: Sequence[Mapping[str, object]] = rows.to_dicts() if isinstance(rows, pl.DataFrame) else rows
    columns = rows.columns if isinstance(rows, pl.DataFrame) else [*rows[0]] if rows else []
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        for each in records:
            writer.writerow(
                {key: text_cell(value) if isinstance(value, str) else value for key, value in each.items()}
            )


def text_cell(text: str) -> str:
    """A text as a cell of a CSV file: no markup, no control character, no formula.

    A cell that begins like a formula gets an apostrophe before it (OWASP, CSV Injection).
    """
    shown = on_terminal(text).translate(_MARKUP)
    return f"'{shown}" if shown.lstrip().startswith(_FORMULA) else shown
