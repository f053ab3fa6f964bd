"""Draws: which rows are taken, each by a hash of the random seed, of what the draw is for, and of itself.

A row's luck depends on no other row and on no place, so that a row more moves no other:

share   every row below a bound is taken; another row changes nothing at all
count   the k lowest are taken; another row takes the place of one at most

One changed row can still change all that follows, as in the optimization of a method, and of a few rows one
is many. So a count of the seed's rows, or of what descends from them, is drawn among the stable ones: those
whose seed stood before a place in the source that moves only when the source has grown by some eighth. Files
grow at their ends; what is added there changes no such draw until then. At most a ninth of the rows, the last
ones, has to wait for that. A row put in before them may be drawn, and pushes one over the bound.

Of a table of any size two columns suffice to draw rows; the rows with the drawn ids are then read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from heapq import nsmallest
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
import polars as pl

from evobuild.core import tables
from evobuild.core.instructions import INSTRUCTIONS, Instruction, iterate_instructions, stream_instructions
from evobuild.core.table_parts import IdRange


class HasPosition(Protocol):
    """What descends from a seed row, and by which id it is drawn."""

    @property
    def id(self) -> str: ...

    @property
    def seed_place(self) -> int: ...


class PlacedId(NamedTuple):
    """As little of a row as a draw needs."""

    id: str
    seed_place: int


Item = TypeVar("Item")
Row = TypeVar("Row", bound=HasPosition)
RowOf = TypeVar("RowOf", bound=HasPosition, covariant=True)


class Rows(Protocol[RowOf]):
    """Rows that can be gone through several times: a list, or PlacedIds."""

    def __iter__(self) -> Iterator[RowOf]: ...

    def __len__(self) -> int: ...


class PlacedIds:
    """The rows of an instruction table as draws take them, each made when its turn comes.

    rows: with columns id and seed_place, the only ones that are held.
    """

    def __init__(self, rows: pl.DataFrame) -> None:
        self._rows = rows.select(PlacedId._fields)

    def __iter__(self) -> Iterator[PlacedId]:
        return map(PlacedId._make, self._rows.iter_rows())

    def __len__(self) -> int:
        return self._rows.height


def draw_value(seed: int, purpose: str, identity: str) -> float:
    """Give what is drawn for one id: evenly distributed from 0 to below 1, and another for each purpose."""
    text = f"{seed} {purpose}\n{identity}".encode("utf-8", "surrogatepass")
    return (int.from_bytes(blake2b(text, digest_size=8).digest(), "big") >> 11) / 2**53


def draw_lowest(
    items: Iterable[Item], count: int, seed: int, purpose: str, by: Callable[[Item], str]
) -> list[Item]:
    """Sample `count` items, or all, in the order of their values. by: the id of an item, distinct."""

    def order(item: Item) -> tuple[float, str]:
        return draw_value(seed, purpose, by(item)), by(item)

    return nsmallest(count, items, key=order)


def draw_values(seed: int, purpose: str, identities: pl.Series) -> np.ndarray:
    """Compute `draw_value` for many ids, as float64."""
    values = (draw_value(seed, purpose, identity) for identity in identities)
    return np.fromiter(values, np.float64, len(identities))


def draw_rows(rows: Rows[Row], count: int, seed: int, purpose: str) -> list[Row]:
    """Sample `count` rows, or all: stable rows first, others only if there are too few."""
    bound = round_to_eighths(max((row.seed_place for row in rows), default=-1) + 1)
    stable = (row for row in rows if row.seed_place < bound)
    found = draw_lowest(stable, count, seed, purpose, _id)
    if len(found) < count:
        others = (row for row in rows if row.seed_place >= bound)
        found += draw_lowest(others, count - len(found), seed, purpose, _id)
    return found


def draw_table_rows(rows: pl.DataFrame, count: int, seed: int, purpose: str) -> pl.DataFrame:
    """Sample rows as `draw_rows` does, from a table with the columns id and seed_place."""
    bound = _stable_places(rows)
    values = pl.Series(draw_values(seed, purpose, rows["id"]))
    return rows.sort(pl.col("seed_place") >= bound, pl.lit(values), "id").head(count)


def stable_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """Select the rows of a table whose value is below the bound, in their order."""
    return rows.filter(pl.col("seed_place") < _stable_places(rows))


def _id(row: HasPosition) -> str:
    return row.id


def _stable_places(rows: pl.DataFrame) -> int:
    return round_to_eighths(rows.select(pl.max("seed_place") + 1).item() or 0)


def round_to_eighths(count: int) -> int:
    """Round down to eighths of the largest power of two that is no larger: 2020 -> 1920, 80 -> 80, 9 -> 9."""
    eighth = max(1, 2 ** (count.bit_length() - 1) // 8) if count else 1
    return count // eighth * eighth


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
