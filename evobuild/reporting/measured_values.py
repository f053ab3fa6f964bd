"""What was measured of the rows of a pool, one figure at a time: no other column of them is in memory."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from evobuild.core import tables
from evobuild.core.measures import Measure


def read_values(folder: Path, pool: str, measure: Measure, of: pl.Expr) -> pl.Series:
    """Give what an expression makes of a pool's table, whose columns are called as everywhere but there.

    folder: of the measure. Raises BadInput if the table is missing or not as it should be.
    """
    path = folder / f"{pool}.parquet"
    rows = tables.scan(path, measure.schema).rename(measure.renamed)
    return tables.collect(path, rows.select(of)).to_series()
