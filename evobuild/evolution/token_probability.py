"""How sure the evolver was of its words: its top-1 probability at every output position.

The distribution tells small evolvers from large ones (Hui et al. 2024, arXiv:2412.11231, Figure 5: one reply
to each seed row, whatever it holds). So the reply to the first attempt at each row counts, also if it
failed; further attempts do not. All its positions count, and beside them the first few alone. A round
without probabilities, as they were not asked for, has none: nothing stands in for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from evobuild.evolution.replies import round_evolver, scan_first_replies

BINS = 20
"""Bins of the histogram, from 0 to 1."""
SURE = 0.9
"""The probability above which the evolver counts as sure of a token."""
FIRST = 5
"""Output positions that begin a reply."""
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
"""One row a bin. probability: its lower edge. share: of all positions of that round. first_…: of the FIRST
positions of each reply alone."""
_STEPS = 10_000
"""A probability is counted to its fourth digit, so that a million replies take no more room than one."""
_ROWS = 8192
"""Replies whose probabilities are held at a time."""


class Positions(NamedTuple):
    """Output positions of one round, at least one.

    counts: positions of each probability from 0 to 1, _STEPS + 1 of them. first: likewise, of the FIRST
    positions of each reply.
    """

    round: str
    evolver: str
    counts: np.ndarray
    first: np.ndarray


def read_token_probabilities(
    names: Sequence[str], *, replies: Path, failures: Path, rounds: Path
) -> list[Positions]:
    """Gather the probabilities of each round in bounded memory; a round without any gives nothing.

    names: of the rounds. replies, failures, rounds: folders with a table of each.

    Raises BadInput if a table is missing or not as it should be.
    """
    found: list[Positions] = []
    for name in names:
        counts, first = np.zeros((2, _STEPS + 1), dtype=np.int64)
        table = scan_first_replies(name, replies=replies, failures=failures)
        for rows in table.collect_batches(chunk_size=_ROWS):
            counts += _counted(rows["top_probability"])
            first += _counted(rows["top_probability"].list.head(FIRST))
        if counts.any():
            found.append(Positions(name, round_evolver(name, rounds), counts, first))
    return found


def _counted(values: pl.Series) -> np.ndarray:
    """Positions by probability. values: lists of probabilities, or null."""
    flat = values.explode().drop_nulls().to_numpy()
    return np.bincount(np.rint(flat * _STEPS).astype(np.int64), minlength=_STEPS + 1)


def probability_figures(positions: Iterable[Positions]) -> dict[str, Any]:
    """Mean, median and share above SURE of each round that has probabilities; those of FIRST below."""
    return {
        "token_probability": {
            each.round: _figures(each.counts) | {f"first_{FIRST}": _figures(each.first)} for each in positions
        }
    }


def _figures(counts: np.ndarray) -> dict[str, Any]:
    total = int(counts.sum())
    return {
        "mean": round(float(counts @ np.arange(_STEPS + 1)) / _STEPS / total, 4),
        "median": int(np.searchsorted(np.cumsum(counts), total / 2)) / _STEPS,
        "above_0_9": round(int(counts[round(SURE * _STEPS) + 1 :].sum()) / total, 4),
    }


def probability_histogram(positions: Iterable[Positions]) -> pl.DataFrame:
    """Count positions by probability, BINS rows a round, in a HISTOGRAM table."""
    edges = np.linspace(0, 1, BINS + 1)[:-1].round(4).tolist()
    rows = []
    for each in positions:
        columns = [column for counts in (each.counts, each.first) for column in _binned(counts)]
        rows += [(each.round, each.evolver, *values) for values in zip(edges, *columns, strict=True)]
    return pl.DataFrame(rows, schema=HISTOGRAM, orient="row")


def _binned(counts: np.ndarray) -> tuple[list[int], list[float]]:
    """Positions in each bin, and the share of each."""
    binned, _ = np.histogram(np.arange(_STEPS + 1), BINS, weights=counts)
    return binned.astype(int).tolist(), (binned / counts.sum()).round(6).tolist()
