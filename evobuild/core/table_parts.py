"""Large tables: above `tables.rows_per_file` rows, a folder of Parquet parts in place of one file.

A part holds the ids that begin with two of 256 pairs of hex digits, `00.parquet` to `ff.parquet`, sorted; its
parts in the order of their names are the table sorted by id. So a new row changes one part, and DVC hashes
and pushes that one alone. A part without rows is not there. What goes over several tables goes span by span:
the ids of one part are read of each of them, be it a folder or a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import NamedTuple

import polars as pl

from evobuild.core.errors import BadInput

ROWS_PER_FILE = 1_000_000
"""Where no params say otherwise."""

STARTS = tuple(f"{number:02x}" for number in range(256))
"""What the ids of each part begin with. Ids of other kinds go where they belong in this order."""

_rows_per_file: ContextVar[int] = ContextVar("rows_per_file", default=ROWS_PER_FILE)


class IdRange(NamedTuple):
    """Ids from `low` on and below `high`; None: to the last."""

    low: str = ""
    high: str | None = None

    def holds(self) -> pl.Expr:
        """Whether an id is one of the span."""
        above = pl.col("id") >= self.low
        return above if self.high is None else above & (pl.col("id") < self.high)


EVERY_ID = IdRange()
PARTS = tuple(
    IdRange(low if low != STARTS[0] else "", high)
    for low, high in zip(STARTS, (*STARTS[1:], None), strict=True)
)
"""The span of each part, in order."""


@contextmanager
def rows_per_file(rows: int) -> Iterator[None]:
    """Have tables of more rows written as folders in this block."""
    token = _rows_per_file.set(rows)
    try:
        yield
    finally:
        _rows_per_file.reset(token)


def is_large(rows: int) -> bool:
    """Whether a table with this number of rows is a folder of parts."""
    return rows > _rows_per_file.get()


def part_file(table: Path, number: int) -> Path:
    """Locate the file of a part, numbered from 0."""
    return table / f"{STARTS[number]}.parquet"


def part_files(table: Path, span: IdRange = EVERY_ID) -> list[Path]:
    """List the files of a table that may have ids of a range, by id; a table that is a file is itself.

    Raises BadInput if a folder holds none, or something that is no part.
    """
    if not table.is_dir():
        return [table]
    found = sorted(table.iterdir())
    strange = [file for file in found if file.suffix != ".parquet" or file.stem not in STARTS]
    if strange:
        raise BadInput(f"{strange[0]}: no part of a table; expected 00.parquet to ff.parquet in {table}")
    if not found:
        raise BadInput(f"{table}: an empty folder; expected the parts of a table, 00.parquet to ff.parquet")
    return [file for file in found if _meets(PARTS[STARTS.index(file.stem)], span)]


def _meets(part: IdRange, span: IdRange) -> bool:
    begins_before_its_end = part.high is None or span.low < part.high
    return begins_before_its_end and (span.high is None or part.low < span.high)


def spans(tables: Iterable[Path]) -> tuple[IdRange, ...]:
    """Spans to go over some tables by: all ids at once if each of them is a file, else one for each part."""
    return PARTS if any(table.is_dir() for table in tables) else (EVERY_ID,)


def split_by_id(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Cut rows that are sorted by id into the 256 parts, some of them empty."""
    start = 0
    for end in (*rows["id"].search_sorted(pl.Series(STARTS[1:])), rows.height):
        yield rows.slice(start, end - start)
        start = end
