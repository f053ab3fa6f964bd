"""Measure the diversity of a pool: the distance of each instruction to the nearest other one (MND).

Distant instructions make a pool diverse; copies have distance 0. The paper's embedder is all-mpnet-base-v2.
Source: Hui et al. 2024, arXiv:2412.11231 (minimum neighbour distance). Their script (AutoIF/eval_diversity.py
of HypherX/Evolution-Analysis) uses the squared L2 distance, `squared` here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from evobuild.core.rejects import Reject
from evobuild.scoring import distributions, neighbours
from evobuild.scoring.clusters import Vectors, blocks
from evobuild.scoring.params import Diversity
from evobuild.scoring.row_file import RowFile


class Nearest(NamedTuple):
    """The nearest other instruction of the pool, and its distance."""

    id: str
    neighbour: str
    distance: float


def measure_diversity(
    parts: Iterable[tuple[pl.Series, Vectors]], params: Diversity
) -> Iterator[Nearest | Reject]:
    """Find the nearest other row of each, ties to the first; yield one result or reject per row.

    parts: ids, ascending over all parts, and their embeddings, which are buffered on disk.
    """
    with RowFile(np.float32) as vectors:
        sound_ids = [pl.Series("id", [], pl.String)]
        for ids, found in parts:
            sound = np.asarray(np.isfinite(found).all(axis=1))
            if params.distance == "cosine":
                sound &= found.any(axis=1)
            for id in ids.filter(~sound):
                yield Reject(id, "unusable embedding", "not finite, or nothing but zeros", "")
            sound_ids.append(ids.filter(sound))
            vectors.append(found[sound])
        yield from _nearest(pl.concat(sound_ids), vectors, params)


def _nearest(ids: pl.Series, vectors: RowFile, params: Diversity) -> Iterator[Nearest | Reject]:
    if len(ids) == 1:
        yield Reject(ids[0], "no other row", "", "")
    if len(ids) < 2:
        return
    places, far = neighbours.find_nearest(vectors, params.distance, is_exact(len(ids), params))
    for part in blocks(len(ids)):
        yield from map(Nearest, ids[part], ids.gather(places[part]), far[part].tolist())


def is_exact(rows: int, params: Diversity) -> bool:
    """Return whether a pool of this size is measured exactly."""
    return rows <= params.exact_rows


def diversity_metrics(
    far: Mapping[str, pl.Series], embedder: str | None, params: Diversity | None
) -> dict[str, Any]:
    """Compute mean and median distance of each pool, null if not measured, and record how.

    params: None if not measured.
    """
    approximate = [pool for pool, own in far.items() if params and not is_exact(len(own), params)]
    return {
        "embedder": embedder,
        "text": params and params.text,
        "distance": params and params.distance,
        "approximate": ", ".join(approximate),
    } | distributions.distribution_metrics(far)
