"""The nearest other vector of each vector of a set, and how far away it is.

Exact: single-precision products of blocks find who can be nearest, with room for their rounding; the
distances of these are taken in double precision, and ties go to the first. So the result depends on
the vectors alone, not on the block or the processor. Beyond what is exact in bearable time an inverted
file of faiss looks among the nearest clusters only (approximate), and its finds are measured likewise.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from evobuild.core.errors import require

Vectors = NDArray[np.float32]
"""One a row."""
Distance = Literal["l2", "squared", "cosine"]

BLOCK_BYTES = 192 << 20
"""Of one block of products."""
PAIRS = 1 << 15
"""Pairs measured in double precision at once."""
EXTRA = "neighbours"

LISTS_PER_ROOT = 4
"""Clusters of the inverted file, in roots of the number of vectors."""
PROBED = 48
"""Clusters looked into for each vector."""
TRAINING = 64
"""Vectors for each cluster that the clusters are found from."""
FINDS = 8
"""Nearest of the inverted file that are measured exactly."""

Candidates = Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]
"""Pairs of rows that may be neighbours, in parts; all pairs of a row in one part."""


def find_nearest(
    vectors: Vectors, distance: Distance, exact: bool = True
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Find the nearest other row of each row, ties to the first, and the distance to it.

    vectors: at least two rows of finite numbers; for cosine none of zeros only. distance: l2 is the
    Euclidean distance, squared its square, cosine 1 minus the cosine of the angle, 0 to 2.

    Raises MissingExtra if it is not to be exact and faiss is not installed.
    """
    if distance == "cosine":
        doubles = vectors.astype(np.float64)
        vectors = (doubles / np.linalg.norm(doubles, axis=1, keepdims=True)).astype(np.float32)
    first, twin = _twins(vectors)
    found = np.full(len(vectors), -1, np.int64)
    squared = np.zeros(len(vectors))
    has_twin = twin >= 0
    found[has_twin] = twin[has_twin]
    distinct = np.flatnonzero(first == np.arange(len(vectors)))
    # What the index has nothing for is left to the products.
    for pairs in (_close,) if exact else (_indexed, _close):
        alone = np.flatnonzero(found < 0)
        if alone.size:
            for rows, others in pairs(vectors[distinct], np.searchsorted(distinct, alone)):
                _settle(vectors, distinct[rows], distinct[others], found, squared)
    return found, _as(distance, squared)


def _as(distance: Distance, squared: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of vectors of length 1 half the square of their distance is 1 minus their cosine."""
    if distance == "l2":
        return np.sqrt(squared)
    return squared / 2 if distance == "cosine" else squared


def _twins(vectors: Vectors) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first row equal to each row, itself if none is before; and the first other one, -1 if none is."""
    # 0 and -0 are equal, but not their bytes.
    bare = np.ascontiguousarray(vectors + np.float32(0))
    keys = bare.view(np.dtype((np.void, bare.dtype.itemsize * bare.shape[1]))).ravel()
    _, firsts, group = np.unique(keys, return_index=True, return_inverse=True)
    first = firsts[group]
    order = np.lexsort((np.arange(len(vectors)), first))
    second = np.full(len(vectors), -1, np.int64)
    follows = first[order[1:]] == first[order[:-1]]
    # Of a group in order, the one right after its first is the first's own neighbour.
    leads = order[:-1] == first[order[:-1]]
    second[order[:-1][follows & leads]] = order[1:][follows & leads]
    return first, np.where(first == np.arange(len(vectors)), second, first)


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


def _indexed(vectors: Vectors, rows: NDArray[np.int64]) -> Candidates:
    """For each of some rows those that an inverted file finds nearest."""
    faiss = require("faiss", EXTRA)
    count, width = vectors.shape
    lists = max(1, min(LISTS_PER_ROOT * math.isqrt(count), count // TRAINING))
    index = faiss.IndexIVFFlat(faiss.IndexFlatL2(width), width, lists)
    # Its own seed is fixed; a sample in strides spares it the draw.
    index.train(vectors[:: max(1, count // (lists * TRAINING))])
    index.add(vectors)
    index.nprobe = min(lists, PROBED)
    step = max(1, BLOCK_BYTES // (4 * width * 4))
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        _, others = index.search(vectors[part], min(FINDS, count))
        own = np.repeat(part, others.shape[1])
        usable = (others.ravel() >= 0) & (others.ravel() != own)
        yield own[usable], others.ravel()[usable].astype(np.int64)


def _settle(
    vectors: Vectors,
    rows: NDArray[np.int64],
    others: NDArray[np.int64],
    found: NDArray[np.int64],
    squared: NDArray[np.float64],
) -> None:
    """Write the nearest of each row's candidates, and how far it is, squared, in double precision."""
    lengths = np.empty(len(rows))
    for start in range(0, len(rows), PAIRS):
        part = slice(start, start + PAIRS)
        gaps = vectors[rows[part]].astype(np.float64) - vectors[others[part]]
        lengths[part] = np.einsum("ij,ij->i", gaps, gaps)
    order = np.lexsort((others, lengths, rows))
    firsts = order[np.flatnonzero(np.diff(rows[order], prepend=-1))]
    found[rows[firsts]], squared[rows[firsts]] = others[firsts], lengths[firsts]
