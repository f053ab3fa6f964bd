"""How long the exact nearest neighbours of 52,002 embeddings take, and how much memory.

    python benchmarks/selection_diversity.py

Embeddings are 52,002 random unit vectors of 384 numbers, one in twenty of them a copy of another and
as many a copy but for a little noise: what they take to compute is not in the figure. It is checked
that every copy finds its original, and 200 rows against all pairs in double precision. Beside the
figure: the index that stands in beyond `diversity.exact_rows`, and how fast the default embedder is,
if its packages are installed.
"""

from __future__ import annotations

import time

import memory
import numpy as np
from figures import Figures

from evobuild.core.errors import MissingExtra
from evobuild.scoring import neighbours

ROWS, WIDTH = 52_002, 384
COPIES = ROWS // 20
CHECKED = 200


def run(figures: Figures) -> None:
    """Take the figures of the nearest neighbours."""
    vectors = _vectors()
    memory.now()
    began = time.perf_counter()
    found, far = neighbours.find_nearest(vectors, "l2")
    seconds, most = time.perf_counter() - began, memory.peak()
    figures.at_most(f"diversity: exact MND of {ROWS:,} x {WIDTH}", seconds, 60, "s")
    figures.at_most("diversity: memory of it, vectors included", most / 1000, 2, "GB")
    figures.at_least("diversity: rows as all pairs in double precision say", _right(vectors, found), 1, "")
    pairs = found[-2 * COPIES :] == np.arange(2 * COPIES)
    figures.at_least("diversity: copies that find their original", float(pairs.mean()), 1, "")
    print(f"mean {far.mean():.4f}, median {np.median(far):.4f}")
    _index(vectors, found)


def _vectors() -> neighbours.Vectors:
    draws = np.random.default_rng(1)
    vectors = draws.standard_normal((ROWS, WIDTH), np.float32)
    vectors[-2 * COPIES :] = vectors[: 2 * COPIES]
    vectors[-COPIES:] += 0.01 * draws.standard_normal((COPIES, WIDTH), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def _right(vectors: neighbours.Vectors, found: np.ndarray) -> float:
    """The share of some rows whose nearest of all, one by one, is the one that was found."""
    doubles = vectors.astype(np.float64)
    right = 0
    for row in np.linspace(0, ROWS - 1, CHECKED).astype(int):
        squared = ((doubles - doubles[row]) ** 2).sum(axis=1)
        squared[row] = np.inf
        right += int(squared.argmin() == found[row])
    return right / CHECKED


def _index(vectors: neighbours.Vectors, exact: np.ndarray) -> None:
    try:
        began = time.perf_counter()
        found, _ = neighbours.find_nearest(vectors, "l2", exact=False)
    except MissingExtra:
        return
    print(f"index: {time.perf_counter() - began:.1f} s, finds {(found == exact).mean():.1%} of random ones")


if __name__ == "__main__":
    taken = Figures()
    run(taken)
    taken.print()
