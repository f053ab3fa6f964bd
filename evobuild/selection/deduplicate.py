"""Find duplicates: of rows that are equal or similar, within and across rounds, only one stays.

Rows come in the order of selection, and the first of similar ones stays. Prompts are compared; answers are
ignored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import polars as pl

from evobuild.selection import diversity_filter
from evobuild.text import minhash


def find_exact_duplicates(rows: pl.DataFrame) -> pl.DataFrame:
    """Find rows with the content of an earlier one: id, reason, detail (id of the row that stays)."""
    repeats = rows.filter(~pl.col("content_id").is_first_distinct()).select("id", "content_id")
    every = rows.select("content_id", detail="id")
    # Join with the few repeated rows only: faster than grouping all rows.
    among = every.join(repeats, on="content_id", how="semi", maintain_order="left")
    found = repeats.join(among.unique("content_id", keep="first"), on="content_id", maintain_order="left")
    return found.select("id", reason=pl.lit("exact duplicate"), detail="detail")


def find_near_duplicates(
    ids: pl.Series, asked: Iterable[pl.DataFrame], threshold: float, seed: int
) -> pl.DataFrame:
    """Find near-duplicates of earlier rows, in the form of `find_exact_duplicates`.

    Args:
        ids: of the rows. asked: their texts in any order, in batches: place (position of the row in ids) and
        asked. threshold: Jaccard similarity of word bigrams, see `minhash`. Groups are transitive: a row is
        dropped too if
            it is similar to the first one only through another row.
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
    """Find rows too similar to an earlier one that stays, with the similarity in the detail.

    threshold: cosine similarity.
    """
    choice = diversity_filter.choose_diverse(vectors_N_D, threshold, np.zeros(rows.height, np.int64), {})
    return list_too_near(rows, choice, "duplicate by embedding")


def list_too_near(rows: pl.DataFrame, choice: diversity_filter.Choice, reason: str) -> pl.DataFrame:
    """List the rows that the diversity filter found too similar to a kept one, with it and the similarity."""
    places_N = np.flatnonzero(choice.near >= 0)
    similarity = pl.Series(choice.similarity[places_N]).round(4)
    others = rows["id"].gather(choice.near[places_N])
    return pl.DataFrame(
        {"id": rows["id"].gather(places_N), "other": others, "similarity": similarity}
    ).select("id", reason=pl.lit(reason), detail=pl.format("{}, cosine similarity {}", "other", "similarity"))
