"""How sure the evolver was of its words: its top-1 probability at every output position.

The distribution tells small evolvers from large ones (Hui et al. 2024, arXiv:2412.11231). All
positions of the replies that became children count, not the first few. A round without
probabilities, as they were not asked for, has none: nothing stands in for them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from evobuild.evolution.replies import scan_evolver_replies

BINS = 20
"""Bins of the histogram, from 0 to 1."""
SURE = 0.9
"""The probability above which the evolver counts as sure of a token."""
HISTOGRAM = pl.Schema(
    {
        "round": pl.String,
        "evolver": pl.String,
        "probability": pl.Float64,
        "positions": pl.Int64,
        "share": pl.Float64,
    }
)
"""One row a bin. probability: its lower edge. share: of all positions of that round and evolver."""
_STEPS = 10_000
"""A probability is counted to its fourth digit, so that a million replies take no more room than one."""
_ROWS = 8192
"""Replies whose probabilities are held at a time."""


class Positions(NamedTuple):
    """Output positions of one round by one evolver, at least one.

    counts: positions of each probability from 0 to 1, _STEPS + 1 of them.
    """

    round: str
    evolver: str
    counts: np.ndarray


def read_token_probabilities(names: Sequence[str], *, replies: Path, rounds: Path) -> list[Positions]:
    """Gather the probabilities of each round in bounded memory; a round without any gives nothing.

    names: of the rounds. replies, rounds: folders with a table of each.

    Raises BadInput if a table is missing or not as it should be.
    """
    return [found for name in names for found in _of_round(name, replies, rounds)]


def _of_round(name: str, replies: Path, rounds: Path) -> Iterable[Positions]:
    table = scan_evolver_replies(name, replies=replies, rounds=rounds)
    counts: defaultdict[str, np.ndarray] = defaultdict(lambda: np.zeros(_STEPS + 1, dtype=np.int64))
    for rows in table.select("evolver", "top_probability").collect_batches(chunk_size=_ROWS):
        for (evolver,), own in rows.partition_by("evolver", as_dict=True).items():
            values = own["top_probability"].explode().drop_nulls().to_numpy()
            counts[evolver] += np.bincount(np.rint(values * _STEPS).astype(np.int64), minlength=_STEPS + 1)
    return [Positions(name, evolver, found) for evolver, found in sorted(counts.items()) if found.any()]


def probability_figures(positions: Sequence[Positions], names: Sequence[str]) -> dict[str, Any]:
    """Mean and median of each round, and the share above SURE; null where there is no probability."""
    by_round = {name: [each for each in positions if each.round == name] for name in names}
    return {"token_probability": {name: _figures(found) for name, found in by_round.items()}}


def _figures(found: Sequence[Positions]) -> dict[str, float | None]:
    if not found:
        return dict.fromkeys(("mean", "median", "above_0_9"))
    counts = sum((each.counts for each in found), np.zeros(_STEPS + 1, dtype=np.int64))
    total = int(counts.sum())
    return {
        "mean": round(float(counts @ np.arange(_STEPS + 1)) / _STEPS / total, 4),
        "median": int(np.searchsorted(np.cumsum(counts), total / 2)) / _STEPS,
        "above_0_9": round(int(counts[round(SURE * _STEPS) + 1 :].sum()) / total, 4),
    }


def probability_histogram(positions: Iterable[Positions]) -> pl.DataFrame:
    """Count positions by probability, BINS rows a round and evolver, in a HISTOGRAM table."""
    rows = []
    for each in positions:
        counts, edges = np.histogram(np.arange(_STEPS + 1), BINS, weights=each.counts)
        for count, edge in zip(counts.astype(int).tolist(), edges, strict=False):
            rows.append((each.round, each.evolver, edge / _STEPS, count, round(count / sum(counts), 6)))
    return pl.DataFrame(rows, schema=HISTOGRAM, orient="row")
