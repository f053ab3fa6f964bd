"""Tables: Parquet with a fixed schema, rows sorted by id, the same bytes for the same rows.

A table of no more than `tables.rows_per_file` rows is a file, a larger one a folder of parts at the same path
(`table_parts`); whoever reads a table need not know. Rows that come one by one are `table_writer`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from polars.io.plugins import register_io_source

from evobuild.core import table_parts
from evobuild.core.errors import BadInput, UserError
from evobuild.core.table_parts import EVERY_ID, IdRange, part_files
from evobuild.core.text_files import special_kind
from evobuild.process.full_disk import explain_full_disk, is_full_disk

ROWS_A_GROUP = 65_536
"""Of a file, which its readers take a group at a time."""


def read(
    path: Path,
    schema: pl.Schema,
    columns: Sequence[str] | None = None,
    span: IdRange = EVERY_ID,
    where: pl.Expr | None = None,
) -> pl.DataFrame:
    """Read a table, or some columns of it, and hold it against the schema it should have.

    span: the ids to read; files of a large table that hold none of them are not opened. where: which rows;
    of all others nothing stays in memory.

    Raises BadInput if it is no Parquet file or lacks a column or has one of another type.
    """
    rows = scan(path, schema, None, span)
    if where is not None:
        rows = rows.filter(where)
    return collect(path, rows if columns is None else rows.select(columns))


def scan(
    path: Path, schema: pl.Schema, columns: Sequence[str] | None = None, span: IdRange = EVERY_ID
) -> pl.LazyFrame:
    """Scan a table lazily: only the schema is read now; `collect` reads the rows."""
    if kind_ := special_kind(path):
        raise BadInput(f"{path}: {kind_}; expected a Parquet table")
    if not (files := part_files(path, span)):
        rows = schema.to_frame().lazy()
        return rows if columns is None else rows.select(columns)
    try:
        rows = pl.scan_parquet(files, glob=False, hive_partitioning=False)
        found = rows.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _unreadable(path, error) from error
    for name, kind in schema.items():
        if name not in found:
            raise BadInput(f"{path}: column '{name}' is missing; found {', '.join(found)}")
        if found[name] != kind:
            raise BadInput(f"{path}: column '{name}' is {found[name]}; expected {kind}")
    if span != EVERY_ID:
        rows = rows.filter(span.holds())
    return rows if columns is None else rows.select(columns)


def collect(path: Path, rows: pl.LazyFrame) -> pl.DataFrame:
    """Read what was scanned from a table, in little more than the rows take. Raises BadInput as `read`."""
    try:
        return rows.collect(engine="streaming")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> BadInput:
    if not path.exists():
        return BadInput(f"{path}: is not here; run evobuild pull or evobuild repro")
    return BadInput(f"{path}: not a readable Parquet table: {str(error).splitlines()[0]}")


def height(path: Path, schema: pl.Schema, where: pl.Expr | None = None) -> int:
    """Count the rows of a table. where: which ones count. Raises BadInput as `read`."""
    rows = scan(path, schema) if where is None else scan(path, schema).filter(where)
    return int(collect(path, rows.select(pl.len())).item())


def batches(
    path: Path, schema: pl.Schema, columns: Sequence[str] | None = None, rows: int = 16_384
) -> Iterator[pl.DataFrame]:
    """Read a table some rows at a time, by id; none of a table without rows. Raises BadInput as `read`."""
    for file in part_files(path):
        scanned = scan(file, schema, columns)
        for start in range(0, height(file, schema), rows):
            yield collect(file, scanned.slice(start, rows))


def frame(schema: pl.Schema, rows: Iterable[Sequence[Any]]) -> pl.DataFrame:
    """Build a table from rows whose values are in the order of the schema."""
    columns = Columns(schema)
    for row in rows:
        columns.append(row)
    return columns.frame()


def write(path: Path, rows: pl.DataFrame) -> None:
    """Write a table sorted by id.

    Raises ValueError if an id is repeated: that is a bug of ours; UserError if the disk is full.
    """
    ordered = rows.sort("id")
    if table_parts.is_large(rows.height):
        path.mkdir()
        write_parts(path, table_parts.split_by_id(ordered))
    else:
        _write_file(path, ordered)


def write_parts(path: Path, parts: Iterable[pl.DataFrame]) -> None:
    """Write the 256 parts of a table, each sorted by id, into a folder that is there."""
    for number, part in enumerate(parts):
        if part.height:
            _write_file(table_parts.part_file(path, number), part)


def _write_file(path: Path, ordered: pl.DataFrame) -> None:
    write_sorted(path, ordered.schema, [ordered])


def write_sorted(path: Path, schema: pl.Schema, ordered: Iterable[pl.DataFrame]) -> None:
    """Write rows that come sorted as one file; two frames share no id. Only a row group is in memory.

    Raises ValueError if an id is repeated.
    """

    def frames(*_: object) -> Iterator[pl.DataFrame]:
        for frame in ordered:
            if frame["id"].is_duplicated().any():
                raise ValueError(f"{path}: an id stands twice")
            for rows in frame.iter_slices(ROWS_A_GROUP):
                # A copy: of a slice, polars writes lists in other bytes than of rows that are no slice.
                yield rows.select(pl.all().gather(pl.int_range(pl.len())))

    write_stream(path, register_io_source(frames, schema=schema), ROWS_A_GROUP)


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
        raise unwritable(path, error) from error


def unwritable(path: Path, error: Exception) -> UserError:
    """Say why a file cannot be written."""
    if is_full_disk(error):
        return UserError(explain_full_disk(path))
    return UserError(f"{path}: cannot be written: {str(error).splitlines()[0]}")


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
        """Get all rows so far, in the order they came."""
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
