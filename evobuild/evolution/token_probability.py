"""Measure how sure the evolver was of its words: the top-1 probability at every output position.

The distribution distinguishes small evolvers from large ones (Hui et al. 2024, arXiv:2412.11231, Figure 5:
one reply per seed row, whatever it holds). So the reply to the first attempt at each row counts, even if it
failed; retries do not. All positions count, and separately the first few alone. A round that did not request
probabilities has no values.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from evobuild.evolution.evolver_replies import find_round_evolver, scan_first_replies

BINS = 20
"""Number of bins of the histogram, from 0 to 1."""
SURE = 0.9
"""Probability above which the evolver counts as sure of a token."""
FIRST = 5
"""Number of output positions that begin a reply."""
HISTOGRAM = pl.Schema(
    {
        "round": pl.String,
        "evolver": pl.String,
        "probability": pl.Float64,
        "positions": pl.Int64,
        "share": pl.Float64,
        "first_positions": pl.Int64,
        "first_share": pl.Float64,
    }
)
"""Schema with one row per bin. probability: lower edge. share: of all positions of the round. first_…: of the
FIRST positions of each reply alone.
"""
_STEPS = 10_000
"""Probabilities are counted by rounded value, so that memory does not grow with the replies."""
_ROWS = 8192
"""Replies in memory at a time."""


class Positions(NamedTuple):
    """Counts of the output positions of one round, at least one.

    counts: number of positions by rounded probability from 0 to 1, shape (_STEPS + 1,). first: likewise, for
    the FIRST positions of each reply.
    """

    round: str
    evolver: str
    counts: np.ndarray
    first: np.ndarray


def read_token_probabilities(
    names: Sequence[str], *, replies: Path, failures: Path, rounds: Path
) -> list[Positions]:
    """Count the probabilities of each round in bounded memory; skip rounds without any.

    names: of the rounds. replies, failures, rounds: folders with one table per round.

    Raises BadInput if a table is missing or invalid.
    """
    found: list[Positions] = []
    for name in names:
        counts, first = np.zeros((2, _STEPS + 1), dtype=np.int64)
        table = scan_first_replies(name, replies=replies, failures=failures)
        for rows in table.collect_batches(chunk_size=_ROWS):
            counts += _count_positions(rows["top_probability"])
            first += _count_positions(rows["top_probability"].list.head(FIRST))
        if counts.any():
            found.append(Positions(name, find_round_evolver(name, rounds), counts, first))
    return found


def _count_positions(values: pl.Series) -> np.ndarray:
    """Count positions by probability. values: lists of probabilities, or null."""
    flat = values.explode().drop_nulls().to_numpy()
    return np.bincount(np.rint(flat * _STEPS).astype(np.int64), minlength=_STEPS + 1)


def probability_metrics(positions: Iterable[Positions]) -> dict[str, Any]:
    """Compute mean, median and share above SURE of each round with probabilities; also for FIRST."""
    return {
        "token_probability": {
            each.round: _summarise(each.counts) | {f"first_{FIRST}": _summarise(each.first)}
            for each in positions
        }
    }


def _summarise(counts: np.ndarray) -> dict[str, Any]:
    total = int(counts.sum())
    return {
        "mean": round(float(counts @ np.arange(_STEPS + 1)) / _STEPS / total, 4),
        "median": int(np.searchsorted(np.cumsum(counts), total / 2)) / _STEPS,
        "above_0_9": round(int(counts[round(SURE * _STEPS) + 1 :].sum()) / total, 4),
    }


def probability_histogram(positions: Iterable[Positions]) -> pl.DataFrame:
    """Build a HISTOGRAM table: BINS rows per round."""
    edges = np.linspace(0, 1, BINS + 1)[:-1].round(4).tolist()
    rows = []
    for each in positions:
        columns = [column for counts in (each.counts, each.first) for column in _bin_positions(counts)]
        rows += [(each.round, each.evolver, *values) for values in zip(edges, *columns, strict=True)]
    return pl.DataFrame(rows, schema=HISTOGRAM, orient="row")


def _bin_positions(counts: np.ndarray) -> tuple[list[int], list[float]]:
    """Return the positions in each bin, and their shares."""
    binned, _ = np.histogram(np.arange(_STEPS + 1), BINS, weights=counts)
    return binned.astype(int).tolist(), (binned / counts.sum()).round(6).tolist()
