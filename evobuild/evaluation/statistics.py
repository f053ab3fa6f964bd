"""Compute intervals of metrics and paired comparisons of two models over items.

A metric is a ratio of sums over units, mostly items: sum(total) / sum(weight). A mean has weights of 1. Units
are resampled, not replies, because the turns of an item are correlated. `benchmarks/evaluation.py statistics`
measures false alarms and coverage.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from evobuild.evaluation.intervals import (
    Interval,
    bootstrap_t_interval,
    enclosing_interval,
    reweighted_interval,
    standard_error,
    student_interval,
    wilson_interval,
)
from evobuild.evaluation.paired_tests import flip_signs, mcnemar_test

Columns = tuple[np.ndarray, np.ndarray]
"""Arrays total and weight, one element per unit."""

FEWEST = 8
"""Below this number of units, a bootstrap misses the tails of skewed values; chosen by simulating losses."""


class Estimate(NamedTuple):
    """A metric: its value, standard error, 95 % interval and number of units.

    error, low and high are None for a single unit, which has no measurable spread.
    """

    value: float
    error: float | None
    low: float | None
    high: float | None
    units: int


class Comparison(NamedTuple):
    """The difference a - b of two models on the same units, its 95 % interval and two-sided p-value.

    The interval excludes 0 if and only if the p-value is below 0.05.
    """

    difference: float
    low: float
    high: float
    p_value: float
    units: int


def estimate_metric(
    figure: pl.DataFrame, resamples: int, seed: int, scale: Interval | None = None
) -> Estimate | None:
    """Estimate a metric; None if its weights sum to 0.

    The standard error is that of a ratio, by linearization. A share of units has Wilson's interval; other
    shares, and scores on a scale, have `reweighted_interval`. Without a scale, the interval encloses
    Student's and the bootstrap-t's; below FEWEST units also `reweighted_interval`, over twice the observed
    range.

    Args:
        scale: the least and the largest score, if known.
    """
    total, weight = _totals_and_weights(figure)
    if not weight.sum():
        return None
    value, units = float(total.sum() / weight.sum()), len(total)
    if units < 2:
        return Estimate(value, None, None, None, units)
    error = standard_error(total - value * weight, weight)
    if _is_binary(total, weight):
        ends = wilson_interval(value, units)
    elif bounds := _unit_bounds((total, weight), scale):
        ends = reweighted_interval(total, weight, bounds, resamples, seed)
    else:
        ends = enclosing_interval(
            student_interval(value, error, units), bootstrap_t_interval(total, weight, resamples, seed)
        )
        if error and units < FEWEST:
            ends = enclosing_interval(
                ends, reweighted_interval(total, weight, _value_range(total, weight), resamples, seed)
            )
    return Estimate(value, error, *ends, units)


def compare_units(
    one: pl.DataFrame, other: pl.DataFrame, resamples: int, seed: int, scale: Interval | None = None
) -> Comparison | None:
    """Compare a metric of two models on shared units; None if they share fewer than two.

    Binary units are compared by McNemar's exact test, others by a sign-flip test.
    """
    both = one.join(other, on="unit", suffix="_other").sort("unit")
    if both.height < 2:
        return None
    second = both["total_other"].to_numpy(), both["weight_other"].to_numpy()
    return compare_columns(_totals_and_weights(both), second, resamples, seed, scale)


def compare_columns(
    first: Columns, second: Columns, resamples: int, seed: int, scale: Interval | None = None
) -> Comparison | None:
    """Compare a metric of two models given as arrays over the same units. See `compare_units`."""
    if not (first[1].sum() and second[1].sum()):
        return None
    units = len(first[0])
    difference = float(first[0].sum() / first[1].sum() - second[0].sum() / second[1].sum())
    if _is_binary(*first) and _is_binary(*second):
        better, worse = (int((gain > 0).sum()) for gain in (first[0] - second[0], second[0] - first[0]))
        found = mcnemar_test(better, worse, units)
    else:
        gains, weight = _unit_gains(first, second, difference)
        most = np.abs(np.divide(gains, weight, out=np.zeros_like(gains), where=weight > 0)).max()
        bounds = [each for side in (first, second) if (each := _unit_bounds(side, scale))]
        reach = max(float(most), bounds[0][1] - bounds[0][0] if len(bounds) == 2 else 0.0)
        found = flip_signs(gains, weight, reach, resamples, seed)
    return Comparison(difference, *found, units)


def _unit_gains(first: Columns, second: Columns, difference: float) -> Columns:
    """Return each unit's contribution to the difference and its weight; linearized if weights differ."""
    (total, weight), (total_other, weight_other) = first, second
    if (weight == weight_other).all():
        return total - total_other, weight
    parts = [
        (each - each.sum() / own.sum() * own) / own.mean()
        for each, own in ((total, weight), (total_other, weight_other))
    ]
    return difference + parts[0] - parts[1], np.ones_like(weight)


def _value_range(total: np.ndarray, weight: np.ndarray) -> Interval:
    """Return the assumed range of values without known bounds: the observed one, doubled at each end."""
    values = total[weight > 0] / weight[weight > 0]
    least, most = float(values.min()), float(values.max())
    return 2 * least - most, 2 * most - least


def _totals_and_weights(figure: pl.DataFrame) -> Columns:
    return figure["total"].to_numpy(), figure["weight"].to_numpy()


def _is_binary(total: np.ndarray, weight: np.ndarray) -> bool:
    """Return whether each unit has weight 1 and is right or wrong."""
    return bool(np.isin(total, (0.0, 1.0)).all() and (weight == 1.0).all())


def _unit_bounds(columns: Columns, scale: Interval | None) -> Interval | None:
    """Return the bounds of a unit's value: the scale, or 0 and 1 for shares; None if unknown."""
    total, weight = columns
    known = ((0.0, 1.0),) if scale is None else (scale, (0.0, 1.0))
    return next(
        (each for each in known if (total >= each[0] * weight).all() and (total <= each[1] * weight).all()),
        None,
    )
