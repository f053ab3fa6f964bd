"""Compute the distribution of a measurement over the rows of each pool: mean, median and histogram."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

BINS = 40


def distribution_metrics(values: Mapping[str, pl.Series]) -> dict[str, Any]:
    """Count the measured rows of each pool, and compute mean and median; null without rows.

    Example: {"rows": {"r0": 3, "r1": 0}, "mean": {"r0": 0.5, "r1": None}, "median": …}
    """
    return {
        "rows": {pool: len(own) for pool, own in values.items()},
        "mean": {pool: _round(own.mean()) for pool, own in values.items()},
        "median": {pool: _round(own.median()) for pool, own in values.items()},
    }


def _round(value: object) -> float | None:
    return round(value, 4) if isinstance(value, float) else None


def pool_histogram(values: Mapping[str, pl.Series], name: str, least: float | None = None) -> pl.DataFrame:
    """Count the rows of each pool in equal bins from the least to the greatest value of all pools.

    name: of the column with a bin's lower edge. least: lower edge of the first bin, if not the least value.
    """
    schema = pl.Schema({"pool": pl.String, name: pl.Float64, "rows": pl.Int64, "share": pl.Float64})
    measured = {pool: own.to_numpy() for pool, own in values.items() if len(own)}
    if not measured:
        return schema.to_frame()
    low = min(own.min() for own in measured.values()) if least is None else least
    high = max(own.max() for own in measured.values())
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
    lines = [
        (pool, round(edge, 4), count, round(count / len(own), 6))
        for pool, own in measured.items()
        for edge, count in zip(edges.tolist(), np.histogram(own, edges)[0].tolist(), strict=False)
    ]
    return pl.DataFrame(lines, schema, orient="row")


def tag_metrics(found: Mapping[str, pl.DataFrame], tagger: str | None) -> dict[str, Any]:
    """Compute complexity and diversity of each pool; null if nothing was tagged.

    found: TAGS table by pool. Example: {"complexity": {"r0": 2.5}, "diversity": {"r0": 1.5}, "unique": …}
    """
    unique = {pool: rows["tags"].explode().n_unique() if rows.height else 0 for pool, rows in found.items()}
    return {
        "tagger": tagger,
        "rows": {pool: rows.height for pool, rows in found.items()},
        "unique": unique,
        "complexity": {
            pool: _per_row(int(rows["tags"].list.len().sum()), rows) for pool, rows in found.items()
        },
        "diversity": {pool: _per_row(unique[pool], rows) for pool, rows in found.items()},
    }


def _per_row(total: int, rows: pl.DataFrame) -> float | None:
    return round(total / rows.height, 4) if rows.height else None


def count_tags(found: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Count the rows of each pool by number of tags, from 1 to the maximum of all pools."""
    schema = pl.Schema({"pool": pl.String, "tags": pl.Int64, "rows": pl.Int64, "share": pl.Float64})
    numbers = {pool: rows["tags"].list.len().to_list() for pool, rows in found.items() if rows.height}
    most = max((max(own) for own in numbers.values()), default=0)
    lines: Sequence[tuple[str, int, int, float]] = [
        (pool, number, own.count(number), round(own.count(number) / len(own), 6))
        for pool, own in numbers.items()
        for number in range(1, most + 1)
    ]
    return pl.DataFrame(lines, schema, orient="row")
