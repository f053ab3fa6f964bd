"""Rows as select sees them: facts and figures side by side, without text."""

from __future__ import annotations

import polars as pl

from evobuild.core.measures import all_columns
from evobuild.selection.candidate_rows import measured_columns


def rows(**columns: list) -> pl.DataFrame:
    """Rows a, b, c, … of r1 with the given columns; the other measures are null."""
    count = len(next(iter(columns.values())))
    ids = [chr(97 + place) for place in range(count)]
    plain = {"id": ids, "content_id": ids, "round": ["r1"] * count, "domain": ["chat"] * count}
    plain |= {"answered": [True] * count, "uncut": [False] * count}
    table = pl.DataFrame(plain | {name: [None] * count for name in measured_columns()} | columns)
    return table.with_columns(pl.col(name).cast(all_columns()[name].kind) for name in measured_columns())
