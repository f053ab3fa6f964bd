"""Rows in the order they come, to be gone through again and again: on disk where they take much memory.

The files are scratch (`core.scratch`) and take some hundred bytes a row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import polars as pl

from evobuild.core.scratch import ScratchFolder
from evobuild.core.table_writer import SPILL_BYTES
from evobuild.core.tables import Columns, write_stream

ROWS_A_CHUNK = 5_000
"""Rows that are Python objects at a time."""


class SpilledRows:
    """Rows of a schema; they are gone with the block."""

    def __init__(self, schema: pl.Schema) -> None:
        self._schema = schema
        self._rows = Columns(schema, ROWS_A_CHUNK)
        self._folder = ScratchFolder()
        self._files: list[Path] = []

    def append(self, row: Sequence[Any]) -> None:
        """Add a row, its values in the order of the schema. Raises UserError if the disk is full."""
        self._rows.append(row)
        if self._rows.bytes >= SPILL_BYTES:
            file = Path(self._folder.path, f"{len(self._files)}.parquet")
            write_stream(file, self._rows.frame().lazy())
            self._files.append(file)
            self._rows = Columns(self._schema, ROWS_A_CHUNK)

    def batches(self, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """Go through some columns of all rows; the last batch may be without rows."""
        for file in self._files:
            yield pl.read_parquet(file, columns=list(columns))
        yield self._rows.frame().select(columns)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.remove()
