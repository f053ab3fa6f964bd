"""What rows share with evaluation sets, pool by pool: kept as a table and a ledger, and told of again.

The ledger of a set has, beside its rows, what was hit: {"in": 40, "out": 40, "rejects": {}, "questions": 12,
"pools": {"r0": {"rows": 40, "hit": {"13-gram": {"rows": 2, "questions": 1}}}}}. No row is lost here: the
selection decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from evobuild.core import tables
from evobuild.core.tables import CONTAMINATION, INSTRUCTIONS, Instruction
from evobuild.text.words import split_normalised_words

SHOWN = 12
"""Hits of a set that a report shows."""


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


class Found(NamedTuple):
    """What some rows share with evaluation sets. touched: questions that are hit, by set and measure."""

    rows: int
    hits: list[Hit]
    touched: dict[tuple[str, str], int]

    def together(self, other: Found) -> Found:
        """Put what another measure found in the same rows beside it."""
        return Found(self.rows, self.hits + other.hits, self.touched | other.touched)


def row_text(row: Instruction) -> str:
    """All of a row that counts, a text a paragraph."""
    return "\n".join(row_texts(row))


def row_texts(row: Instruction) -> list[str]:
    """The texts of a row that count: earlier turns, instruction, input and output."""
    return [*(content for _, content in row.history), row.instruction, row.input, row.output]


def hit_table(found: Mapping[str, Found]) -> pl.DataFrame:
    """Lay out the hits of one set by pool."""
    rows = (
        (f"{hit.row}-{hit.measure}", hit.row, pool, *hit[1:])
        for pool, each in found.items()
        for hit in each.hits
    )
    return tables.frame(CONTAMINATION, rows)


def count_hits(found: Mapping[str, Found], questions: int) -> dict[str, Any]:
    """Count the rows of each pool and those hit. questions: rows of the evaluation set."""
    rows = sum(each.rows for each in found.values())
    pools = {
        pool: {
            "rows": each.rows,
            "hit": {
                measure: {"rows": sum(hit.measure == measure for hit in each.hits), "questions": touched}
                for (_, measure), touched in each.touched.items()
            },
        }
        for pool, each in found.items()
    }
    return {"in": rows, "out": rows, "rejects": {}, "questions": questions, "pools": pools}


def hit_lines(name: str, ledger: Mapping[str, Any], pools: Sequence[str]) -> list[dict[str, Any]]:
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


def longest_hits(
    name: str, pools: Sequence[str], *, contamination: Path, responses: Path
) -> list[dict[str, Any]]:
    """The rows of some pools that share most with a set, each with its longest hit and its own text.

    Raises BadInput naming the table that is missing or not as it should be.
    """
    hits = tables.read(contamination / f"{name}.parquet", CONTAMINATION).to_dicts()
    order = sorted(hits, key=lambda hit: (-len(split_normalised_words(hit["overlap"])), hit["id"]))
    best: dict[str, dict[str, Any]] = {}
    for hit in order:
        best.setdefault(hit["row"], hit)
    shown = [hit for hit in best.values() if hit["pool"] in pools][:SHOWN]
    texts: dict[str, str] = {}
    for pool in {hit["pool"] for hit in shown}:
        ours = pl.col("id").is_in([hit["row"] for hit in shown])
        wanted = tables.read(responses / f"{pool}.parquet", INSTRUCTIONS, where=ours)
        texts |= {row.id: row_text(row) for row in tables.instructions(wanted)}
    return [hit | {"text": texts.get(hit["row"], "")} for hit in shown]
