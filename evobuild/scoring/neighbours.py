"""The nearest other vector of each vector of a set, and how far away it is.

Exact: single-precision products of blocks find who can be nearest, with room for their rounding; the
distances of these are taken in double precision, and ties go to the first. So the result depends on
the vectors alone, not on the block or the processor. Beyond what is exact in bearable time and memory
only the nearest clusters are looked into (approximate, `clusters`), and what they have is measured likewise.
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
"""Of one block of products."""

Nearest = Iterator[tuple[Places, Places, NDArray[np.float64]]]
"""Rows, the nearest other row of each, and the squares of the distances, in parts."""
Candidates = Iterator[tuple[Places, Places]]
"""Pairs of rows that may be neighbours, in parts; all pairs of a row in one part."""


def find_nearest(vectors: Rows, distance: Distance, exact: bool = True) -> tuple[Places, NDArray[np.float64]]:
    """Find the nearest other row of each row, ties to the first, and the distance to it.

    vectors: at least two rows of finite numbers; for cosine none of zeros only. distance: l2 is the
    Euclidean distance, squared its square, cosine 1 minus the cosine of the angle, 0 to 2. exact: all of them
    are read at once; otherwise a block at a time.

    Raises MissingExtra if it is not to be exact and faiss is not installed.
    """
    if distance == "cosine":
        vectors = _OfLengthOne(vectors)
    first, found = _twins(vectors)
    squared = np.zeros(len(vectors))
    distinct = np.flatnonzero(first == np.arange(len(vectors)))
    alone = found < 0
    if alone.any():
        find = _exact if exact else _approximate
        for rows, others, lengths in find(vectors, distinct, alone):
            found[rows], squared[rows] = others, lengths
    return found, _as(distance, squared)


class _OfLengthOne:
    """Vectors as their directions."""

    def __init__(self, vectors: Rows) -> None:
        self._vectors = vectors

    def __len__(self) -> int:
        return len(self._vectors)

    def __getitem__(self, rows: slice) -> Vectors:
        doubles = self._vectors[rows].astype(np.float64)
        directions: Vectors = (doubles / np.linalg.norm(doubles, axis=1, keepdims=True)).astype(np.float32)
        return directions


def _as(distance: Distance, squared: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of vectors of length 1 half the square of their distance is 1 minus their cosine."""
    if distance == "l2":
        return np.sqrt(squared)
    return squared / 2 if distance == "cosine" else squared


def _twins(vectors: Rows) -> tuple[Places, Places]:
    """The first row equal to each row, itself if none is before; and the first other one, -1 if none is."""
    # 0 and -0 are equal, but not their bytes. 16 bytes of a hash stand for a row.
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
    # Of a group in order, the one right after its first is the first's own neighbour.
    leads = order[:-1] == first[order[:-1]]
    second[order[:-1][follows & leads]] = order[1:][follows & leads]
    return first, np.where(first == np.arange(len(vectors)), second, first)


def _approximate(vectors: Rows, distinct: Places, wanted: NDArray[np.bool_]) -> Nearest:
    with Clusters(vectors, distinct) as clusters:
        yield from clusters.nearest(wanted)


def _exact(vectors: Rows, distinct: Places, wanted: NDArray[np.bool_]) -> Nearest:
    """Give rows that are wanted with the nearest of the distinct ones, and the squares of the distances."""
    own = vectors[:][distinct]
    for rows, others in _close(own, np.flatnonzero(wanted[distinct])):
        lengths = squared_lengths(own, rows, own, others)
        order = np.lexsort((others, lengths, rows))
        best = order[np.flatnonzero(np.diff(rows[order], prepend=-1))]
        yield distinct[rows[best]], distinct[others[best]], lengths[best]


def _close(vectors: Vectors, rows: NDArray[np.int64]) -> Candidates:
    """For each of some rows all others that may be nearest, given what single precision cannot tell."""
    halves = (np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64) / 2).astype(np.float32)
    # A product of d terms is off by less than d units of rounding of its largest possible value; half
    # the squared distance is such a product and a half norm. Two of them are compared.
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
