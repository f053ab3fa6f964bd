"""Read the rows that ranking metrics are compared on: those that select kept or ranked below the cutoff.

Seeds that are always kept reach no cutoff, so they are excluded. Above COMPARED rows, the first by id are
used: ids are hashes, so these are a random sample.
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
"""Maximum rows."""


def read_compared_rows(
    params: ChoiceParams, sources: Sources, *, dataset: Path, rejects: Path
) -> pl.DataFrame:
    """Read the rows that select kept or cut off, by id, with the columns uncut, words and kept added.

    Columns: those of `candidate_rows.candidate_batches`, and these three, without pool.
    """
    names = params.select.list_pools(params.pools)
    ids = _read_compared_ids(params, dataset, rejects)
    batches = candidate_rows.candidate_batches(names, sources)
    rows = pl.concat(batch.drop("pool").join(ids, on="id") for batch in batches).with_columns(uncut=False)
    texts = candidate_rows.read_texts(names, sources.responses, rows["id"], ["instruction"])
    counted = pl.Series("words", map(words.count_words, texts["instruction"]), pl.Int64)
    return rows.join(texts.select("id", counted), on="id", how="left").sort("id")


def count_rows_cut(params: ChoiceParams, compared: int, *, dataset: Path, rejects: Path) -> int:
    """Count the rows that reached the cutoff. compared: number of rows from `read_compared_rows`."""
    if compared < COMPARED:
        return compared
    chosen, cut_off = _reached_cut(params)
    return tables.height(dataset, INSTRUCTIONS, chosen) + tables.height(rejects, REJECTS, cut_off)


def _read_compared_ids(params: ChoiceParams, dataset: Path, rejects: Path) -> pl.DataFrame:
    """Read the ids of the rows to compare, and whether each is `kept`."""
    chosen, cut_off = _reached_cut(params)
    found: list[pl.DataFrame] = []
    for span in spans([dataset, rejects]):
        kept = tables.read(dataset, INSTRUCTIONS, ["id"], span, chosen).with_columns(kept=True)
        lost = tables.read(rejects, REJECTS, ["id"], span, cut_off).with_columns(kept=False)
        found.append(pl.concat([kept, lost]))
        if sum(each.height for each in found) >= COMPARED:
            break
    ids = pl.concat(found)
    return ids if ids.height <= COMPARED else ids.bottom_k(COMPARED, by="id")


def _reached_cut(params: ChoiceParams) -> tuple[pl.Expr, pl.Expr]:
    """Build filters for rows that reached the cutoff: of the dataset, and of the rejects."""
    of_pools = pl.col("round").is_in(params.select.list_pools(params.pools))
    # Seeds that are always kept reach no cutoff.
    seeds = (pl.col("round") == SEED_ROUND) & params.select.keep_seeds
    return of_pools & ~seeds, pl.col("reason").is_in(COULD_BE_CHOSEN)
