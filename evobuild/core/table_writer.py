"""Writing tables: sorted by id, the same bytes for the same rows, in bounded memory.

A table of no more than `tables.rows_per_file` rows is a file, a larger one a folder of parts
(`table_parts`). Rows that come one by one, in any order, are spilled to disk where they take too much
memory (`spills`), each time sorted and cut into parts, which the end puts together part by part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from polars.io.plugins import register_io_source

from evobuild.core import table_parts
from evobuild.core.errors import UserError
from evobuild.core.spills import Spills
from evobuild.process.full_disk import explain_full_disk, is_full_disk

SPILL_BYTES = 64 << 20
"""Of rows in memory, before they go to disk."""
ROWS_A_GROUP = 65_536
"""Of a file, which its readers take a group at a time."""


def write(path: Path, rows: pl.DataFrame) -> None:
    """Write a table sorted by id.

    Raises ValueError if an id stands twice: that is a bug of ours; UserError if the disk is full.
    """
    ordered = rows.sort("id")
    if table_parts.is_large(rows.height):
        path.mkdir()
        _write_parts(path, table_parts.cut(ordered))
    else:
        _write_file(path, ordered)


def _write_parts(path: Path, parts: Iterable[pl.DataFrame]) -> None:
    for number, part in enumerate(parts):
        if part.height:
            _write_file(table_parts.part_file(path, number), part)


def _write_file(path: Path, ordered: pl.DataFrame) -> None:
    _write_frames(path, ordered.schema, [ordered])


def _write_frames(path: Path, schema: pl.Schema, ordered: Iterable[pl.DataFrame]) -> None:
    """Write rows that come sorted as one file; two frames share no id. Only a row group is in memory.

    Raises ValueError if an id stands twice.
    """

    def frames(*_: object) -> Iterator[pl.DataFrame]:
        for frame in ordered:
            if frame["id"].is_duplicated().any():
                raise ValueError(f"{path}: an id stands twice")
            for rows in frame.iter_slices(ROWS_A_GROUP):
                # A copy: of a slice, polars writes lists in other bytes than of rows that are no slice.
                yield rows.select(pl.all().gather(pl.int_range(pl.len())))

    write_stream(path, register_io_source(frames, schema=schema), ROWS_A_GROUP)


def _unwritable(path: Path, error: Exception) -> UserError:
    if is_full_disk(error):
        return UserError(explain_full_disk(path))
    return UserError(f"{path}: cannot be written: {str(error).splitlines()[0]}")


def write_stream(
    path: Path, rows: pl.LazyFrame, group: int = ROWS_A_GROUP, metadata: dict[str, str] | None = None
) -> None:
    """Write rows as they come and in their order, a row group at a time, into one file of whatever size.

    Raises UserError if the disk is full, or what is read cannot be.
    """
    try:
        rows.sink_parquet(
            path, compression="zstd", row_group_size=group, maintain_order=True, metadata=metadata
        )
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _unwritable(path, error) from error


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
        """Write the table. Raises as the function `write`."""
        if self._spills is None:
            write(self.path, self._rows.frame())
            return
        self._spill()
        if table_parts.is_large(self.height):
            self.path.mkdir()
            _write_parts(self.path, self._spills.parts())
        else:
            _write_frames(self.path, self._schema, self._spills.parts())
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
            raise _unwritable(self._spills.folder / "a spill", error) from error
