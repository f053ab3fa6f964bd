"""Columns: rows that come one by one, gathered into a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl


class Columns:
    """Rows gathered column by column in chunks, so that a million take little more than their text."""

    def __init__(self, schema: pl.Schema, chunk: int = 5_000) -> None:
        self._schema = schema
        self._chunk = chunk
        self._rows: list[Sequence[Any]] = []
        self._frames: list[pl.DataFrame] = []
        self.bytes = 0
        """About what the rows take, without those of the last chunk."""

    def append(self, row: Sequence[Any]) -> None:
        """Add a row, its values in the order of the schema."""
        self._rows.append(row)
        if len(self._rows) >= self._chunk:
            self._flush()

    def extend(self, rows: pl.DataFrame) -> None:
        """Add rows that are a table already."""
        self._flush()
        self._keep(rows)

    def frame(self) -> pl.DataFrame:
        """All rows so far, in the order they came."""
        self._flush()
        return pl.concat(self._frames) if self._frames else pl.DataFrame(schema=self._schema)

    def _flush(self) -> None:
        if self._rows:
            rows, self._rows = self._rows, []
            if "history" in self._schema:
                place = list(self._schema).index("history")
                rows = [_with_turns(row, place) if row[place] else row for row in rows]
            self._keep(pl.DataFrame(rows, schema=self._schema, orient="row"))

    def _keep(self, rows: pl.DataFrame) -> None:
        self._frames.append(rows)
        self.bytes += int(rows.estimated_size())


def _with_turns(row: Sequence[Any], place: int) -> list[Any]:
    values = list(row)
    values[place] = [{"role": role, "content": content} for role, content in row[place]]
    return values
