"""Record the text that rows share with evaluation sets, pool by pool, as a table and counts.

The ledger of a set has, beside its rows, what was hit: {"in": 40, "out": 40, "rejects": {}, "questions": 12,
"pools": {"r0": {"rows": 40, "hit": {"13-gram": {"rows": 2, "questions": 1}}}}}. No row is rejected here:
`select` decides.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from evobuild.core import tables
from evobuild.core.evaluation_tables import CONTAMINATION
from evobuild.core.instructions import Instruction, stream_instructions
from evobuild.core.table_writer import TableWriter
from evobuild.text.words import split_normalised_words

SHOWN = 12
"""Hits of a set that a report shows."""
DIGITS = 16
"""Characters of the digest that identifies an evaluation row."""


class Hit(NamedTuple):
    """The longest stretch of text that a row shares with a row of an evaluation set.

    measure: such as `13-gram`. overlap: the stretch as the row has it, normalised. evaluation: the whole
    text of the evaluation row.
    """

    row: str
    set: str
    place: str
    measure: str
    overlap: str
    evaluation: str


Rows = Callable[[], Iterable[Instruction]]
"""Reads rows, from the first on; it may be called again."""
Keep = Callable[[Hit], None]
"""Takes a hit."""


class Found(NamedTuple):
    """What some rows share with evaluation sets.

    is_hit: of each row, whether it is hit. hit, touched: rows, and questions, that are hit, by set and
    measure.
    """

    is_hit: np.ndarray
    hit: Mapping[tuple[str, str], int]
    touched: Mapping[tuple[str, str], int]

    def together(self, other: Found) -> Found:
        """Put what another measure found in the same rows beside it."""
        either = self.is_hit | other.is_hit
        return Found(either, {**self.hit, **other.hit}, {**self.touched, **other.touched})


class Tally:
    """Counts what is found in rows that come batch by batch, and hands each hit on."""

    def __init__(self, keep: Keep) -> None:
        self._keep = keep
        self._is_hit = [np.zeros(0, bool)]
        self._hit = Counter[tuple[str, str]]()

    def take(self, rows: int, hits: Iterable[tuple[int, Hit]]) -> None:
        """Add a batch. rows: its size. hits: each with the index of its row in the batch."""
        is_hit_B = np.zeros(rows, bool)
        for place, hit in hits:
            is_hit_B[place] = True
            self._hit[hit.set, hit.measure] += 1
            self._keep(hit)
        self._is_hit.append(is_hit_B)

    def found(self, touched: Mapping[tuple[str, str], int]) -> Found:
        """Sum up. touched: as of Found."""
        return Found(np.concatenate(self._is_hit), {key: self._hit[key] for key in touched}, touched)


def build_row_reader(table: Path) -> Rows:
    """What reads an instruction table, some rows at a time in memory. It raises BadInput as `tables.read`."""
    return lambda: stream_instructions(table)[1]


def batches(rows: Iterable[Instruction], size: int) -> Iterator[list[Instruction]]:
    """Yield batches of `size` rows."""
    source = iter(rows)
    while batch := list(islice(source, size)):
        yield batch


def row_text(row: Instruction) -> str:
    """All of a row that counts, a text a paragraph."""
    return "\n".join(row_texts(row))


def row_texts(row: Instruction) -> list[str]:
    """The texts of a row that count: earlier turns, instruction, input and output."""
    return [*(content for _, content in row.history), row.instruction, row.input, row.output]


def hit_row(pool: str, hit: Hit) -> tuple[str, ...]:
    """Lay a hit in a pool out as a row of CONTAMINATION."""
    return (f"{hit.row}-{hit.measure}", hit.row, pool, *hit[1:])


def keep_hit(table: TableWriter, pool: str, hit: Hit) -> None:
    """Write a hit in a pool to a table of CONTAMINATION."""
    table.append(hit_row(pool, hit))


def count_hits(found: Mapping[str, Found], questions: int) -> dict[str, Any]:
    """Count the rows of each pool and those hit. questions: rows of the evaluation set."""
    pools = {
        pool: {
            "rows": len(each.is_hit),
            "hit": {
                measure: {"rows": each.hit[name, measure], "questions": touched}
                for (name, measure), touched in each.touched.items()
            },
        }
        for pool, each in found.items()
    }
    rows = sum(len(each.is_hit) for each in found.values())
    return {"in": rows, "out": rows, "rejects": {}, "questions": questions, "pools": pools}


def format_hits(name: str, ledger: Mapping[str, Any], pools: Sequence[str]) -> list[dict[str, Any]]:
    """One line a measure of a set: of each pool the rows that are hit, of how many, and the questions."""
    own = {pool: ledger["pools"][pool] for pool in pools}
    return [
        {
            "set": name,
            "measure": measure,
            "questions": ledger["questions"],
            "pools": {pool: each["hit"][measure] | {"of": each["rows"]} for pool, each in own.items()},
        }
        for measure in next(iter(own.values()))["hit"]
    ]


class SharedMost(NamedTuple):
    """A row and the evaluation row that it shares most with, without the text of either.

    words: shared, adjacent ones. digest: the beginning of the SHA-256 of the evaluation row's text.
    """

    set: str
    place: str
    measure: str
    pool: str
    row: str
    words: int
    digest: str


def find_longest_hits(name: str, pools: Sequence[str], contamination: Path) -> list[SharedMost]:
    """The rows of some pools that share most with a set, each with its longest hit.

    Raises BadInput naming the table that is missing or not as it should be.
    """
    table = contamination / f"{name}.parquet"
    best: dict[str, tuple[int, str]] = {}
    for hits in tables.batches(table, CONTAMINATION, ["id", "row", "pool", "overlap"]):
        # Ids rise, and a word has a character at least: only a longer overlap can have more words than the
        # least of those that are shown.
        least = -max(best.values())[0] if len(best) == SHOWN else -1
        long = hits.filter(pl.col("pool").is_in(pools), pl.col("overlap").str.len_chars() > least)
        for id, row, _, overlap in long.iter_rows():
            rank = (-len(split_normalised_words(overlap)), id)
            best[row] = min(rank, best.get(row, rank))
        best = dict(sorted(best.items(), key=itemgetter(1))[:SHOWN])
    ranks = {id: -rank for rank, id in best.values()}
    found = tables.read(table, CONTAMINATION, where=pl.col("id").is_in(list(ranks)))
    by_id = {hit["id"]: hit for hit in found.iter_rows(named=True)}
    return [_build_shared_most(by_id[id], words) for id, words in ranks.items()]


def _build_shared_most(hit: Mapping[str, str], words: int) -> SharedMost:
    digest = hashlib.sha256(hit["evaluation"].encode()).hexdigest()[:DIGITS]
    return SharedMost(hit["set"], hit["place"], hit["measure"], hit["pool"], hit["row"], words, digest=digest)
