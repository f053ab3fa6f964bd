"""Some rows of a table of any size: drawn, which two columns suffice for, or those with certain ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import polars as pl

from evobuild.core import tables
from evobuild.core.draws import draw_table_rows
from evobuild.core.instructions import INSTRUCTIONS, Instruction, iterate_instructions, stream_instructions
from evobuild.core.table_parts import IdRange

BATCH = 16_384
"""Rows in memory at once."""


def stream_drawn(path: Path, count: int | None, seed: int, purpose: str) -> tuple[int, Iterator[Instruction]]:
    """Stream an instruction table; of one with more than `count` rows, a sample of `count` by the seed.

    count: None for all. Raises BadInput as `tables.read` does.
    """
    if count is None or tables.height(path, INSTRUCTIONS) <= count:
        return stream_instructions(path)
    drawn = draw_table_rows(read_placed_ids(path), count, seed, purpose)
    return drawn.height, read_rows(path, drawn["id"])


def read_placed_ids(path: Path) -> pl.DataFrame:
    """Read what draws need of an instruction table: id and seed_place, some 50 bytes a row."""
    return tables.read(path, INSTRUCTIONS, ("id", "seed_place"))


def read_rows(path: Path, ids: Iterable[str]) -> Iterator[Instruction]:
    """Read the rows of an instruction table that have one of these ids, by id, some at a time in memory.

    Raises BadInput as `tables.read` does.
    """
    wanted = pl.Series("id", ids, pl.String).unique().sort()
    for start in range(0, len(wanted), BATCH):
        some = wanted.slice(start, BATCH)
        # A table is sorted by id, so only rows between are read; the end is the next string after the last.
        between = IdRange(some[0], some[-1] + "\0")
        where = pl.col("id").is_in(some.implode())
        yield from iterate_instructions(tables.read(path, INSTRUCTIONS, span=between, where=where))
