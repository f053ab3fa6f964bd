"""Find the nearest other vector of each vector of a set, and its distance.

Exact search: single-precision products of blocks find candidates, with a margin for rounding; their distances
are computed in double precision, and ties go to the first. So the result depends on the vectors alone, not on
block size or processor. Above `exact_rows`, only the nearest clusters are searched (approximate, `clusters`),
and distances are computed likewise.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from evobuild.scoring.clusters import Clusters, Places, Rows, Vectors, blocks, squared_lengths

Distance = Literal["l2", "squared", "cosine"]

BLOCK_BYTES = 192 << 20
"""Maximum bytes of one block of products."""

Nearest = Iterator[tuple[Places, Places, NDArray[np.float64]]]
"""Rows, the nearest other row of each, and the squared distances, in parts."""
Candidates = Iterator[tuple[Places, Places]]
"""Pairs of rows that may be neighbours, in parts; all pairs of a row in one part."""


def find_nearest(vectors: Rows, distance: Distance, exact: bool = True) -> tuple[Places, NDArray[np.float64]]:
    """Find the nearest other row of each row, ties to the first, and its distance.

    Args:
        vectors: at least two rows of finite numbers; for cosine, not all zero. distance: l2 is the Euclidean
        distance, squared its square, cosine 1 minus the cosine of the angle, 0 to 2. exact: load all vectors
        into memory; otherwise read them in blocks.

    Raises:
        MissingExtra: not exact, and faiss is not installed.
    """
    if distance == "cosine":
        vectors = _UnitVectors(vectors)
    first, found = _find_equal_rows(vectors)
    squared = np.zeros(len(vectors))
    distinct = np.flatnonzero(first == np.arange(len(vectors)))
    alone = found < 0
    if alone.any():
        find = _search_exactly if exact else _search_clusters
        for rows, others, lengths in find(vectors, distinct, alone):
            found[rows], squared[rows] = others, lengths
    return found, _convert_distance(distance, squared)


class _UnitVectors:
    """Vectors scaled to length 1."""

    def __init__(self, vectors: Rows) -> None:
        self._vectors = vectors

    def __len__(self) -> int:
        return len(self._vectors)

    def __getitem__(self, rows: slice) -> Vectors:
        doubles = self._vectors[rows].astype(np.float64)
        directions: Vectors = (doubles / np.linalg.norm(doubles, axis=1, keepdims=True)).astype(np.float32)
        return directions


def _convert_distance(distance: Distance, squared: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convert squared distances. For unit vectors, half of it is 1 minus the cosine."""
    if distance == "l2":
        return np.sqrt(squared)
    return squared / 2 if distance == "cosine" else squared


def _find_equal_rows(vectors: Rows) -> tuple[Places, Places]:
    """Return the first row equal to each row, and the first other one, -1 without any."""
    # Adding 0 turns -0 into 0: they are equal, but their bytes differ. Rows are compared by 16 bytes of a
    # hash.
    digests = b"".join(
        blake2b(row.data, digest_size=16).digest()
        for part in blocks(len(vectors))
        for row in vectors[part] + np.float32(0)
    )
    _, firsts, group = np.unique(np.frombuffer(digests, "V16"), return_index=True, return_inverse=True)
    first = firsts[group]
    order = np.lexsort((np.arange(len(vectors)), first))
    second = np.full(len(vectors), -1, np.int64)
    follows = first[order[1:]] == first[order[:-1]]
    # In a sorted group of equal rows, the second row is the first one's neighbour.
    leads = order[:-1] == first[order[:-1]]
    second[order[:-1][follows & leads]] = order[1:][follows & leads]
    return first, np.where(first == np.arange(len(vectors)), second, first)


def _search_clusters(vectors: Rows, distinct: Places, wanted: NDArray[np.bool_]) -> Nearest:
    with Clusters(vectors, distinct) as clusters:
        yield from clusters.nearest(wanted)


def _search_exactly(vectors: Rows, distinct: Places, wanted: NDArray[np.bool_]) -> Nearest:
    """Yield the wanted rows with the nearest distinct row and the squared distance."""
    own = vectors[:][distinct]
    for rows, others in _find_candidates(own, np.flatnonzero(wanted[distinct])):
        lengths = squared_lengths(own, rows, own, others)
        order = np.lexsort((others, lengths, rows))
        best = order[np.flatnonzero(np.diff(rows[order], prepend=-1))]
        yield distinct[rows[best]], distinct[others[best]], lengths[best]


def _find_candidates(vectors: Vectors, rows: NDArray[np.int64]) -> Candidates:
    """Yield for each row all others that may be nearest, given the rounding of single precision."""
    halves = (np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64) / 2).astype(np.float32)
    # A product of d terms is off by less than d units of rounding of its largest possible value; half
    # the squared distance is such a product plus a half norm. The margin covers the error of two of them.
    largest = float(2 * halves.max(initial=0))
    room = np.float32(2 * (vectors.shape[1] + 4) * 2.0**-24 * 1.5 * largest)
    step = max(1, BLOCK_BYTES // (4 * len(vectors)))
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        closeness = vectors[part] @ vectors.T
        closeness -= halves
        closeness[np.arange(len(part)), part] = -np.inf
        best = closeness.max(axis=1)
        places, others = np.nonzero(closeness >= (best - room)[:, None])
        del closeness
        yield part[places], others
