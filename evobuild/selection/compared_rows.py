"""The rows by which metrics are compared: those that select kept or cut off.

Seeds that are kept in any case got to no cut, so they do not count. Of more than COMPARED rows the first by
id stand for all: an id is a hash, so these are a draw.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from evobuild.core import tables
from evobuild.core.instructions import INSTRUCTIONS, SEED_ROUND
from evobuild.core.rejects import REJECTS
from evobuild.core.table_parts import spans
from evobuild.selection import candidate_rows
from evobuild.selection.candidate_rows import Sources
from evobuild.selection.params import ChoiceParams
from evobuild.selection.select import COULD_BE_CHOSEN
from evobuild.text import words

COMPARED = 250_000
"""Rows at most."""


def read_compared_rows(
    params: ChoiceParams, sources: Sources, *, dataset: Path, rejects: Path
) -> pl.DataFrame:
    """Gather the rows that select kept or cut off, by id, with uncut, words and kept beside their columns.

    Columns: those of `candidate_rows.candidate_batches`, and these three, without pool.
    """
    names = params.select.pools_read(params.pools)
    ids = _compared_ids(params, dataset, rejects)
    batches = candidate_rows.candidate_batches(names, sources)
    rows = pl.concat(batch.drop("pool").join(ids, on="id") for batch in batches).with_columns(uncut=False)
    texts = candidate_rows.read_texts(names, sources.responses, rows["id"], ["instruction"])
    counted = pl.Series("words", map(words.count_words, texts["instruction"]), pl.Int64)
    return rows.join(texts.select("id", counted), on="id", how="left").sort("id")


def count_rows_cut(params: ChoiceParams, compared: int, *, dataset: Path, rejects: Path) -> int:
    """Count the rows that got as far as the cut. compared: how many `read_compared_rows` gave."""
    if compared < COMPARED:
        return compared
    chosen, cut_off = _got_to_the_cut(params)
    return tables.height(dataset, INSTRUCTIONS, chosen) + tables.height(rejects, REJECTS, cut_off)


def _compared_ids(params: ChoiceParams, dataset: Path, rejects: Path) -> pl.DataFrame:
    """The ids of the rows that are compared, and whether each is `kept`."""
    chosen, cut_off = _got_to_the_cut(params)
    found: list[pl.DataFrame] = []
    for span in spans([dataset, rejects]):
        kept = tables.read(dataset, INSTRUCTIONS, ["id"], span, chosen).with_columns(kept=True)
        lost = tables.read(rejects, REJECTS, ["id"], span, cut_off).with_columns(kept=False)
        found.append(pl.concat([kept, lost]))
        if sum(each.height for each in found) >= COMPARED:
            break
    ids = pl.concat(found)
    return ids if ids.height <= COMPARED else ids.bottom_k(COMPARED, by="id")


def _got_to_the_cut(params: ChoiceParams) -> tuple[pl.Expr, pl.Expr]:
    """Which rows did: of the data set, and of the rejects."""
    of_pools = pl.col("round").is_in(params.select.pools_read(params.pools))
    # Seeds that are kept in any case get to no cut.
    seeds = (pl.col("round") == SEED_ROUND) & params.select.keep_seeds
    return of_pools & ~seeds, pl.col("reason").is_in(COULD_BE_CHOSEN)
