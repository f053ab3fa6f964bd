"""Rank rows by one metric or several, each in its direction.

A row with higher worth is selected first. For several metrics, worth is the weighted mean of fractional
ranks: ranks have no unit, so that a metric with a wide range does not dominate.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from evobuild.core.draws import draw_value
from evobuild.core.measures import RANDOM, all_metrics
from evobuild.selection.params import Combine, Metric


def add_worth(
    rows: pl.DataFrame, by: Mapping[Metric, float], seed: int, combine: Combine = "ranks"
) -> pl.DataFrame:
    """Add `metric` and `worth`, both null if a row lacks one of the metrics.

    metric: the value by which rows are selected; by several, the same as worth. worth: higher is sooner.
    combine: how several metrics become one: the mean of ranks, or the product of values, each to the power
    of its weight, as DEITA (arXiv:2312.15685) multiplies complexity and quality.
    """
    if len(by) > 1:
        worth = _mean_rank(rows, by, seed) if combine == "ranks" else _product(rows, by, seed)
        return rows.with_columns(worth=worth).with_columns(metric="worth")
    (metric,) = by
    value = metric_values(rows, metric, seed)
    return rows.with_columns(metric=value, worth=value if is_highest(metric) else -value)


def metric_values(rows: pl.DataFrame, metric: Metric, seed: int) -> pl.Series:
    """Return the value of each row in one metric; null if missing."""
    if metric == RANDOM:
        # A hash of each id, so that a row's value does not depend on the other rows.
        return pl.Series(metric, [draw_value(seed, "select", key) for key in rows["id"]], pl.Float64)
    return rows.select(all_metrics()[metric].expression.cast(pl.Float64).alias(metric)).to_series()


def is_highest(metric: Metric) -> bool:
    """Return whether higher values of a metric rank first."""
    return metric == RANDOM or all_metrics()[metric].highest


def _mean_rank(rows: pl.DataFrame, by: Mapping[Metric, float], seed: int) -> pl.Series:
    """Compute the mean fractional rank, 0 to 1; equal values share the mean of their ranks."""
    found = pl.DataFrame([metric_values(rows, metric, seed) for metric in by])
    # A row that lacks one metric is excluded from the ranks of all.
    whole = pl.all_horizontal(pl.col(metric).is_not_null() for metric in by)
    parts = [
        pl.when(whole).then(pl.col(metric)).rank("average", descending=not is_highest(metric)) * weight
        for metric, weight in by.items()
    ]
    mean = pl.sum_horizontal(parts, ignore_nulls=False) / (whole.sum() * sum(by.values()))
    return found.select(worth=mean).to_series()


def _product(rows: pl.DataFrame, by: Mapping[Metric, float], seed: int) -> pl.Series:
    """Multiply values, each to the power of its weight; NaN of a negative base counts as not measured."""
    worth = pl.Series("worth", [1.0] * rows.height, pl.Float64)
    for metric, weight in by.items():
        worth = worth * metric_values(rows, metric, seed).pow(weight)
    return worth.fill_nan(None).alias("worth")


def order_by_worth(rows: pl.DataFrame) -> pl.DataFrame:
    """Sort rows, the first to select first: uncut rows, then by worth, ties by id."""
    return rows.sort("uncut", "worth", "id", descending=[True, True, False], nulls_last=True)
