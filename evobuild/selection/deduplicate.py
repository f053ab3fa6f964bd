"""Repeats: of rows that are equal or much alike, within and across rounds, only one stays.

Rows come in the order in which they would be chosen, and the first of its like stays. What is compared
is all that a model is asked; answers do not count.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from evobuild.selection import diversity_filter
from evobuild.text import minhash


def exact(rows: pl.DataFrame) -> pl.DataFrame:
    """Give the rows whose content an earlier one has: id, reason, detail (id of the one that stays)."""
    return _followers(rows, rows["content_id"], "exact duplicate")


def near(rows: pl.DataFrame, asked: pl.Series, threshold: float, seed: int) -> pl.DataFrame:
    """Give the near-duplicates of earlier rows, as `exact`.

    asked: texts of the rows. threshold: Jaccard similarity of word pairs, see `duplicates`, whose groups
    are closed: a row goes, too, if only one between it and the first is near to both.
    """
    groups = pl.Series(minhash.group_near_duplicates(asked.to_list(), threshold, seed), dtype=pl.Int64)
    return _followers(rows, groups, "near duplicate")


def by_embedding(rows: pl.DataFrame, vectors_N_D: np.ndarray, threshold: float) -> pl.DataFrame:
    """Give the rows too like to an earlier one that stays, as `exact`. threshold: cosine similarity."""
    choice = diversity_filter.choose(vectors_N_D, threshold, np.zeros(rows.height, np.int64), {})
    return too_near(rows, choice, "duplicate by embedding")


def too_near(rows: pl.DataFrame, choice: diversity_filter.Choice, reason: str) -> pl.DataFrame:
    """Give the rows that a greedy choice found too near to a kept one, as `exact`, with the similarity."""
    places_N = np.flatnonzero(choice.near >= 0)
    similarity = pl.Series(choice.similarity[places_N]).round(4)
    others = rows["id"].gather(choice.near[places_N])
    return pl.DataFrame(
        {"id": rows["id"].gather(places_N), "other": others, "similarity": similarity}
    ).select("id", reason=pl.lit(reason), detail=pl.format("{}, cosine similarity {}", "other", "similarity"))


def _followers(rows: pl.DataFrame, like: pl.Series, reason: str) -> pl.DataFrame:
    first = pl.col("id").first().over("like")
    found = rows.select("id", like=like).with_columns(detail=first).filter(pl.col("id") != pl.col("detail"))
    return found.select("id", reason=pl.lit(reason), detail="detail")
