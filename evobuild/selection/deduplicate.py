"""Deduplication: of rows that are equal or much alike, within and across rounds, only one stays.

Rows come in the order in which they would be chosen, and the first of its like stays. What is compared
is all that a model is asked; answers do not count.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from evobuild.selection import diversity_filter
from evobuild.text import minhash


def find_exact_duplicates(rows: pl.DataFrame) -> pl.DataFrame:
    """Give the rows whose content an earlier one has: id, reason, detail (id of the one that stays)."""
    return _all_but_first(rows, rows["content_id"], "exact duplicate")


def find_near_duplicates(rows: pl.DataFrame, asked: pl.Series, threshold: float, seed: int) -> pl.DataFrame:
    """Give the near-duplicates of earlier rows, as `find_exact_duplicates`.

    asked: texts of the rows. threshold: Jaccard similarity of word pairs, see `minhash`, whose groups
    are closed: a row goes, too, if only one between it and the first is near to both.
    """
    groups = pl.Series(minhash.group_near_duplicates(asked.to_list(), threshold, seed), dtype=pl.Int64)
    return _all_but_first(rows, groups, "near duplicate")


def find_embedding_duplicates(rows: pl.DataFrame, vectors_N_D: np.ndarray, threshold: float) -> pl.DataFrame:
    """Give the rows too near to an earlier one that stays, as `find_exact_duplicates`, with the similarity.

    threshold: cosine similarity.
    """
    choice = diversity_filter.choose_diverse(vectors_N_D, threshold, np.zeros(rows.height, np.int64), {})
    return rows_too_near(rows, choice, "duplicate by embedding")


def rows_too_near(rows: pl.DataFrame, choice: diversity_filter.Choice, reason: str) -> pl.DataFrame:
    """Give the rows that the diversity filter found too near to a kept one, with it and the similarity."""
    places_N = np.flatnonzero(choice.near >= 0)
    similarity = pl.Series(choice.similarity[places_N]).round(4)
    others = rows["id"].gather(choice.near[places_N])
    return pl.DataFrame(
        {"id": rows["id"].gather(places_N), "other": others, "similarity": similarity}
    ).select("id", reason=pl.lit(reason), detail=pl.format("{}, cosine similarity {}", "other", "similarity"))


def _all_but_first(rows: pl.DataFrame, groups: pl.Series, reason: str) -> pl.DataFrame:
    first = pl.col("id").first().over("group")
    found = rows.select("id", group=groups).with_columns(detail=first)
    return found.filter(pl.col("id") != pl.col("detail")).select("id", reason=pl.lit(reason), detail="detail")
