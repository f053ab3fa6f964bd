"""Deduplication: of rows that are equal or much alike, within and across rounds, only one stays.

Rows come in the order in which they would be chosen, and the first of its like stays. What is compared
is all that a model is asked; answers do not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import polars as pl

from evobuild.selection import diversity_filter
from evobuild.text import minhash


def find_exact_duplicates(rows: pl.DataFrame) -> pl.DataFrame:
    """Give the rows whose content an earlier one has: id, reason, detail (id of the one that stays)."""
    repeats = rows.filter(~pl.col("content_id").is_first_distinct()).select("id", "content_id")
    every = rows.select("content_id", detail="id")
    # Few rows are looked for among all, not all among all.
    among = every.join(repeats, on="content_id", how="semi", maintain_order="left")
    found = repeats.join(among.unique("content_id", keep="first"), on="content_id", maintain_order="left")
    return found.select("id", reason=pl.lit("exact duplicate"), detail="detail")


def find_near_duplicates(
    ids: pl.Series, asked: Iterable[pl.DataFrame], threshold: float, seed: int
) -> pl.DataFrame:
    """Give the near-duplicates of earlier rows, as `find_exact_duplicates`.

    ids: of the rows. asked: their texts in any order, some at a time: place (of the row in ids) and asked.
    threshold: Jaccard similarity of word pairs, see `minhash`, whose groups are closed: a row goes, too, if
    only one between it and the first is near to both.
    """
    places: list[np.ndarray] = []

    def texts() -> Iterator[str]:
        for some in asked:
            places.append(some["place"].to_numpy())
            yield from some["asked"]

    group_N = minhash.group_near_duplicates(texts(), threshold, seed, ids.len())
    place_N = np.concatenate([*places, np.empty(0, np.uint32)]).astype(np.int64)
    first_N = np.full(len(group_N), len(group_N))
    np.minimum.at(first_N, group_N, place_N)
    first_N = first_N[group_N]
    lost_N = np.flatnonzero(first_N != place_N)
    found = pl.DataFrame({"id": ids.gather(place_N[lost_N]), "detail": ids.gather(first_N[lost_N])})
    return found.select("id", reason=pl.lit("near duplicate"), detail="detail")


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
