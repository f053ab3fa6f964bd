"""Writing a table whose rows come one by one, in any order, in bounded memory.

Rows that take too much memory are spilled to disk (`spills`), each time sorted and cut into parts, which the
end puts together part by part.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from evobuild.core import table_parts, tables
from evobuild.core.columns import Columns
from evobuild.core.spills import Spills

SPILL_BYTES = 64 << 20
"""Of rows in memory, before they go to disk."""


class TableWriter:
    """A table that is written as its rows come, in any order; `write` ends it."""

    def __init__(self, path: Path, schema: pl.Schema) -> None:
        self.height = 0
        self.path, self._schema = path, schema
        self._rows = Columns(schema)
        self._spills: Spills | None = None

    def append(self, row: Sequence[Any]) -> None:
        """Add a row, its values in the order of the schema. Raises UserError if the disk is full."""
        self._rows.append(row)
        self.height += 1
        self._bound()

    def extend(self, rows: pl.DataFrame) -> None:
        """Add rows that are a table already. Raises UserError if the disk is full."""
        self._rows.extend(rows.select(self._schema.names()))
        self.height += rows.height
        self._bound()

    def write(self) -> None:
        """Write the table. Raises as `tables.write`."""
        if self._spills is None:
            tables.write(self.path, self._rows.frame())
            return
        self._spill()
        if table_parts.is_large(self.height):
            self.path.mkdir()
            tables.write_parts(self.path, self._spills.parts())
        else:
            tables.write_sorted(self.path, self._schema, self._spills.parts())
        self._spills.remove()

    def _bound(self) -> None:
        if self._rows.bytes >= SPILL_BYTES:
            self._spill()

    def _spill(self) -> None:
        """Bring the rows in memory to disk."""
        rows = self._rows.frame().sort("id")
        self._rows = Columns(self._schema)
        self._spills = self._spills or Spills(self._schema)
        try:
            self._spills.add(rows)
        except OSError as error:
            raise tables.unwritable(self._spills.folder / "a spill", error) from error
