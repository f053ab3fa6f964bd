"""Nearest neighbours in bounded memory: vectors by their cluster on disk, of which the nearest ones are read.

faiss finds the clusters, which of them lie nearest to a vector, and the nearest vectors of one; what it finds
is measured in double precision. Whatever is asked of a cluster by the vectors of a block is asked at once.
An inverted file as of Jégou et al. 2011 (Product Quantization for Nearest Neighbor Search), without the
quantization: its lists lie on disk, so memory does not grow with them.
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
"""One a row."""
Places = NDArray[np.int64]

EXTRA = "neighbours"
LISTS_PER_ROOT = 4
"""Clusters, in roots of the number of vectors."""
PROBED = 48
"""Clusters looked into for each vector."""
TRAINING = 64
"""Vectors for each cluster that the clusters are found from."""
ITERATIONS = 10
"""Of k-means: faiss's default for an inverted file."""
FINDS = 3
"""Nearest of a cluster that are measured in double precision; one of them is the vector itself."""
BLOCK = 1 << 17
"""Vectors in memory at once."""
PAIRS = 1 << 15
"""Pairs measured in double precision at once."""


class Rows(Protocol):
    """Vectors that are read some at a time."""

    def __len__(self) -> int: ...
    def __getitem__(self, rows: slice, /) -> Vectors: ...


def blocks(count: int, rows: int | None = None) -> Iterator[slice]:
    """Cut a number of rows into slices of so many, `BLOCK` of them unless it is said."""
    rows = rows or BLOCK
    return (slice(start, min(start + rows, count)) for start in range(0, count, rows))


class Clusters:
    """Vectors, all of them different, by the cluster whose centre is nearest to them.

    Raises MissingExtra if faiss is not installed.
    """

    def __init__(self, vectors: Rows, rows: Places) -> None:
        """rows: which of the vectors, rising."""
        self._faiss = require("faiss", EXTRA)
        self._count = len(rows)
        self._lists = max(1, min(LISTS_PER_ROOT * math.isqrt(self._count), self._count // TRAINING))
        self._centres = self._trained(vectors, rows)
        self._vectors, self._probed = RowFile(np.float32), RowFile(np.int32)
        own = self._fill(vectors, rows)
        self._rows = rows[np.argsort(own, kind="stable")]

    def nearest(self, wanted: NDArray[np.bool_]) -> Iterator[tuple[Places, Places, NDArray[np.float64]]]:
        """Give rows, the nearest other one of each, ties to the first, and the square of the distance.

        wanted: for every row of the vectors whether it is asked for. There are two vectors at least.
        """
        everywhere = np.arange(self._lists, dtype=np.int32)[None]
        for part in blocks(self._count):
            asked = np.flatnonzero(wanted[self._rows[part]])
            if not asked.size:
                continue
            block = self._vectors[part]
            found, squared = self._of_block(part.start, asked, block, self._probed[part][asked])
            if (alone := np.flatnonzero(found < 0)).size:
                lists = np.broadcast_to(everywhere, (len(alone), self._lists))
                found[alone], squared[alone] = self._of_block(part.start, asked[alone], block, lists)
            yield self._rows[part][asked], self._rows[found], squared

    def _trained(self, vectors: Rows, rows: Places) -> Any:
        """Find the centres; those near each other come one after another, so that a block looks into few."""
        # A sample in strides spares the draw.
        chosen = rows[:: max(1, self._count // (self._lists * TRAINING))]
        centres = self._means(np.concatenate([own for _, own in _read(vectors, chosen)]), self._lists)
        _, group = self._index(self._means(centres, math.isqrt(self._lists))).search(centres, 1)
        return self._index(centres[np.argsort(group[:, 0], kind="stable")])

    def _means(self, vectors: Vectors, count: int) -> Vectors:
        """The centres of so many clusters; faiss draws where they begin by a fixed seed."""
        means = self._faiss.Kmeans(vectors.shape[1], count, niter=ITERATIONS, min_points_per_centroid=1)
        means.train(vectors)
        found: Vectors = means.centroids
        return found

    def _index(self, centres: Vectors) -> Any:
        index = self._faiss.IndexFlatL2(centres.shape[1])
        index.add(centres)
        return index

    def _fill(self, vectors: Rows, rows: Places) -> NDArray[np.int32]:
        """Write vectors, and the clusters to look into for each, by cluster; give the cluster of each row."""
        probed = min(self._lists, PROBED)
        with RowFile(np.int32) as by_row:
            largest = 0.0
            for _, part in _read(vectors, rows):
                by_row.append(self._centres.search(part, probed)[1])
                largest = max(largest, float(np.einsum("ij,ij->i", part, part, dtype=np.float64).max()))
            # In single precision the square of a distance is off by some roundings of its largest term.
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

    def _of_block(
        self, start: int, asked: Places, block: Vectors, probed: NDArray[np.int32]
    ) -> tuple[Places, NDArray[np.float64]]:
        """Find the places of the nearest, -1 if there is none, and how far they are, squared."""
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
            self._settle(pairs, near + low, lengths, found, squared)
        return found, squared

    def _settle(
        self,
        asking: Places,
        others: Places,
        lengths: NDArray[np.float64],
        found: Places,
        squared: NDArray[np.float64],
    ) -> None:
        """Keep what is nearer than what was found, or as near and an earlier row."""
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
    """The squares of the distances of pairs, in double precision."""
    lengths = np.empty(len(rows))
    for part in blocks(len(rows), PAIRS):
        gaps = vectors[rows[part]].astype(np.float64) - others[places[part]]
        lengths[part] = np.einsum("ij,ij->i", gaps, gaps)
    return lengths


def _read(vectors: Rows, rows: Places) -> Iterator[tuple[int, Vectors]]:
    """Read some rows, rising, a block at a time; with each the number of those before."""
    for part in blocks(len(vectors)):
        low, high = np.searchsorted(rows, (part.start, part.stop))
        if low < high:
            yield int(low), np.ascontiguousarray(vectors[part][rows[low:high] - part.start])
