"""Diversity of a pool: how far each instruction is from the nearest other one (MND).

Instructions far from each other make a pool diverse; copies are at distance 0. The paper's embedder is
all-mpnet-base-v2. Source: Hui et al. 2024, arXiv:2412.11231 (minimum neighbour distance). Their script
(AutoIF/eval_diversity.py of HypherX/Evolution-Analysis) takes the squared L2 distance, `squared` here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from evobuild.core.tables import EMBEDDINGS, Reject
from evobuild.scoring import distributions, neighbours
from evobuild.scoring.neighbours import Vectors
from evobuild.scoring.params import Diversity


class Nearest(NamedTuple):
    """The nearest other instruction of the pool, and how far away it is."""

    id: str
    neighbour: str
    distance: float


def measure_diversity(ids: Sequence[str], vectors: Vectors, params: Diversity) -> Iterator[Nearest | Reject]:
    """Find the nearest other row of each, ties to the first; every row gives one or a reject. ids: rising."""
    sound = np.isfinite(vectors).all(axis=1)
    if params.distance == "cosine":
        sound &= vectors.any(axis=1)
    for row in np.flatnonzero(~sound):
        yield Reject(ids[row], "unusable embedding", "not finite, or nothing but zeros", "")
    rows = np.flatnonzero(sound)
    if len(rows) == 1:
        yield Reject(ids[rows[0]], "no other row", "", "")
    if len(rows) < 2:
        return
    places, far = neighbours.find_nearest(vectors[rows], params.distance, is_exact(len(rows), params))
    for row, place, distance in zip(rows, rows[places], far.tolist(), strict=True):
        yield Nearest(ids[row], ids[place], distance)


def is_exact(rows: int, params: Diversity) -> bool:
    """Whether a pool of so many rows is measured exactly."""
    return rows <= params.exact_rows


def embedding_table(ids: Sequence[str], vectors: Vectors) -> pl.DataFrame:
    """Lay out embeddings as a table."""
    return pl.DataFrame({"id": ids, "embedding": vectors}).cast(EMBEDDINGS)


def diversity_figures(
    found: Mapping[str, pl.DataFrame], embedder: str | None, params: Diversity | None
) -> dict[str, Any]:
    """Give mean and median distance of each pool, null where none was measured, and how it was measured.

    params: None if it was not.
    """
    approximate = [pool for pool, rows in found.items() if params and not is_exact(rows.height, params)]
    far = {pool: rows["distance"] for pool, rows in found.items()}
    return {
        "embedder": embedder,
        "text": params and params.text,
        "distance": params and params.distance,
        "approximate": ", ".join(approximate),
    } | distributions.distribution_figures(far)
