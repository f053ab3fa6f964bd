"""Find nearest neighbours in bounded memory: vectors by cluster on disk, of which only the nearest ones are
read.

faiss trains the clusters, finds those nearest to a vector, and the nearest vectors within one; the resulting
distances are computed in double precision. All queries of a block to the same cluster run together. This is
an inverted file as of Jégou et al. 2011 (Product Quantization for Nearest Neighbor Search), without
quantization: its lists are on disk, so memory does not grow with them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from evobuild.core.errors import require
from evobuild.scoring.row_file import RowFile

Vectors = NDArray[np.float32]
"""One vector per row."""
Places = NDArray[np.int64]

EXTRA = "neighbours"
LISTS_PER_ROOT = 4
"""Number of clusters divided by the square root of the number of vectors."""
PROBED = 48
"""Clusters searched for each vector."""
TRAINING = 64
"""Training vectors per cluster."""
ITERATIONS = 10
"""Iterations of k-means: faiss's default for an inverted file."""
FINDS = 3
"""Nearest vectors of a cluster to measure in double precision; one of them is the query itself."""
BLOCK = 1 << 17
"""Maximum vectors in memory."""
PAIRS = 1 << 15
"""Pairs measured in double precision together."""


class Rows(Protocol):
    """Vectors that are read in slices."""

    def __len__(self) -> int: ...
    def __getitem__(self, rows: slice, /) -> Vectors: ...


def blocks(count: int, rows: int | None = None) -> Iterator[slice]:
    """Split a number of rows into slices of `rows`, by default BLOCK."""
    rows = rows or BLOCK
    return (slice(start, min(start + rows, count)) for start in range(0, count, rows))


class Clusters:
    """Distinct vectors, grouped by the cluster with the nearest centre.

    Raises MissingExtra if faiss is not installed.
    """

    def __init__(self, vectors: Rows, rows: Places) -> None:
        """Train clusters and write the vectors by cluster. rows: indices of vectors to include, ascending."""
        self._faiss = require("faiss", EXTRA)
        self._count = len(rows)
        self._lists = max(1, min(LISTS_PER_ROOT * math.isqrt(self._count), self._count // TRAINING))
        self._centres = self._train_centres(vectors, rows)
        self._vectors, self._probed = RowFile(np.float32), RowFile(np.int32)
        own = self._fill(vectors, rows)
        self._rows = rows[np.argsort(own, kind="stable")]

    def nearest(self, wanted: NDArray[np.bool_]) -> Iterator[tuple[Places, Places, NDArray[np.float64]]]:
        """Yield rows, the nearest other one of each, ties to the first, and the squared distance.

        wanted: for every row of the vectors, whether to search for it. There are at least two vectors.
        """
        everywhere = np.arange(self._lists, dtype=np.int32)[None]
        for part in blocks(self._count):
            asked = np.flatnonzero(wanted[self._rows[part]])
            if not asked.size:
                continue
            block = self._vectors[part]
            found, squared = self._search_block(part.start, asked, block, self._probed[part][asked])
            if (alone := np.flatnonzero(found < 0)).size:
                lists = np.broadcast_to(everywhere, (len(alone), self._lists))
                found[alone], squared[alone] = self._search_block(part.start, asked[alone], block, lists)
            yield self._rows[part][asked], self._rows[found], squared

    def _train_centres(self, vectors: Rows, rows: Places) -> Any:
        """Train the centres; near ones get consecutive numbers, so that a block searches few clusters."""
        # Sample in strides: no random numbers needed.
        chosen = rows[:: max(1, self._count // (self._lists * TRAINING))]
        centres = self._means(np.concatenate([own for _, own in _read(vectors, chosen)]), self._lists)
        _, group = self._index(self._means(centres, math.isqrt(self._lists))).search(centres, 1)
        return self._index(centres[np.argsort(group[:, 0], kind="stable")])

    def _means(self, vectors: Vectors, count: int) -> Vectors:
        """Compute the centres of `count` clusters; faiss initialises them by a fixed seed."""
        means = self._faiss.Kmeans(vectors.shape[1], count, niter=ITERATIONS, min_points_per_centroid=1)
        means.train(vectors)
        found: Vectors = means.centroids
        return found

    def _index(self, centres: Vectors) -> Any:
        index = self._faiss.IndexFlatL2(centres.shape[1])
        index.add(centres)
        return index

    def _fill(self, vectors: Rows, rows: Places) -> NDArray[np.int32]:
        """Write vectors, and the clusters to search for each, by cluster; return the cluster of each row."""
        probed = min(self._lists, PROBED)
        with RowFile(np.int32) as by_row:
            largest = 0.0
            for _, part in _read(vectors, rows):
                by_row.append(self._centres.search(part, probed)[1])
                largest = max(largest, float(np.einsum("ij,ij->i", part, part, dtype=np.float64).max()))
            # In single precision, a squared distance is off by several roundings of its largest term:
            # candidates within that margin are measured again in double precision.
            self._room = 16 * (self._centres.d + 4) * 2.0**-24 * largest
            own = np.concatenate([by_row[part][:, 0] for part in blocks(self._count)])
            self._starts = np.concatenate([[0], np.cumsum(np.bincount(own, minlength=self._lists))])
            free = self._starts[:-1].copy()
            for at, part in _read(vectors, rows):
                lists = own[at : at + len(part)]
                order = np.argsort(lists, kind="stable")
                part, lists_of = part[order], by_row[at : at + len(part)][order]
                present, first = np.unique(lists[order], return_index=True)
                for number, start, stop in zip(present, first, [*first[1:], len(part)], strict=True):
                    self._vectors.put(free[number], part[start:stop])
                    self._probed.put(free[number], lists_of[start:stop])
                    free[number] += stop - start
        return np.asarray(own, np.int32)

    def _search_block(
        self, start: int, asked: Places, block: Vectors, probed: NDArray[np.int32]
    ) -> tuple[Places, NDArray[np.float64]]:
        """Return the positions of the nearest vectors, -1 without any, and their squared distances."""
        found = np.full(len(asked), -1, np.int64)
        squared = np.full(len(asked), np.inf)
        order = np.argsort(probed, axis=None, kind="stable")
        present, first = np.unique(probed.ravel()[order], return_index=True)
        for number, by in zip(present, np.split(order // probed.shape[1], first[1:]), strict=True):
            low, high = int(self._starts[number]), int(self._starts[number + 1])
            if low == high:
                continue
            members = self._vectors[low:high]
            far, near = self._faiss.knn(block[asked[by]], members, min(FINDS, high - low))
            own = near + low == (start + asked[by])[:, None]
            ask, find = np.nonzero(~own & (near >= 0) & (far <= squared[by, None] + self._room))
            pairs, near = by[ask], near[ask, find]
            lengths = squared_lengths(block, asked[pairs], members, near)
            self._keep_nearer(pairs, near + low, lengths, found, squared)
        return found, squared

    def _keep_nearer(
        self,
        asking: Places,
        others: Places,
        lengths: NDArray[np.float64],
        found: Places,
        squared: NDArray[np.float64],
    ) -> None:
        """Replace results by nearer vectors, or by equally near ones of an earlier row."""
        order = np.lexsort((self._rows[others], lengths, asking))
        best = order[np.flatnonzero(np.diff(asking[order], prepend=-1))]
        own, others, lengths = asking[best], others[best], lengths[best]
        nearer = lengths < squared[own]
        nearer |= (lengths == squared[own]) & (self._rows[others] < self._rows[found[own]])
        found[own[nearer]], squared[own[nearer]] = others[nearer], lengths[nearer]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._vectors.__exit__(kind, error, trace)
        self._probed.__exit__(kind, error, trace)


def squared_lengths(vectors: Vectors, rows: Places, others: Vectors, places: Places) -> NDArray[np.float64]:
    """Compute the squared distances of pairs, in double precision."""
    lengths = np.empty(len(rows))
    for part in blocks(len(rows), PAIRS):
        gaps = vectors[rows[part]].astype(np.float64) - others[places[part]]
        lengths[part] = np.einsum("ij,ij->i", gaps, gaps)
    return lengths


def _read(vectors: Rows, rows: Places) -> Iterator[tuple[int, Vectors]]:
    """Yield some rows, ascending, in blocks; with each block the number of rows before it."""
    for part in blocks(len(vectors)):
        low, high = np.searchsorted(rows, (part.start, part.stop))
        if low < high:
            yield int(low), np.ascontiguousarray(vectors[part][rows[low:high] - part.start])
