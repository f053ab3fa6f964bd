"""Read data of answers in the order of the rows that they answer.

A table of answers, or of what was found of them, is sorted by hashes that say nothing of the rows. So it is
brought to disk once more, by row; then the answers to some rows are read together, and no others.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from evobuild.core import tables
from evobuild.core.table_parts import IdRange
from evobuild.core.table_writer import TableWriter

ROWS = 4_096
"""Rows of the branch in memory, with their answers."""


class ByRow:
    """A table whose `row` names a row of the branch, sorted by row.

    columns: those that are wanted beside id and row. folder: where it goes, of a name of its own.
    """

    def __init__(self, table: Path, schema: pl.Schema, columns: Sequence[str], folder: Path) -> None:
        self._path = folder / f"{table.name}-by-row"
        self._columns = ("id", "row", *columns)
        kinds = {name: schema[name] for name in self._columns}
        self._schema = pl.Schema({**kinds, "own": pl.String()})
        ordered = TableWriter(self._path, self._schema)
        for some in tables.batches(table, schema, self._columns):
            ordered.extend(some.with_columns(own="id", id=pl.concat_str("row", "id", separator="/")))
        ordered.write()
        self.height = ordered.height

    def read_for_rows(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Read the data of some consecutive rows of their table, at least one."""
        ids = rows["id"]
        # "0" is the sign behind "/", and the first that another id may have there.
        span = IdRange(ids[0], f"{ids[-1]}0")
        return tables.read(self._path, self._schema, span=span).with_columns(id="own").drop("own")
