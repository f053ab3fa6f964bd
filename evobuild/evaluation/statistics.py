"""How sure a metric is, and whether two models differ: intervals and paired comparisons over items.

A metric is a ratio of sums over units, mostly items: sum of total / sum of weight. A mean is one whose
weights are 1. Units, not replies, were sampled: the turns of an item rise and fall together.
`benchmarks/evaluation.py statistics` measures false alarms and coverage.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from evobuild.evaluation.intervals import (
    Interval,
    hull,
    reweighted,
    standard_error,
    student,
    studentized,
    wilson,
)
from evobuild.evaluation.paired_tests import flip_signs, mcnemar

Columns = tuple[np.ndarray, np.ndarray]
"""total and weight of units."""


FEWEST = 8
"""Below so many units a bootstrap misses the tails of skewed values; chosen by the simulation of losses."""


class Estimate(NamedTuple):
    """A metric: its value, its standard error, the 95 % interval, and the number of its units.

    error, low and high are None for a single unit, which says nothing about its spread.
    """

    value: float
    error: float | None
    low: float | None
    high: float | None
    units: int


class Comparison(NamedTuple):
    """How two models differ on the same units: a - b, its 95 % interval, and the two-sided p-value.

    The interval excludes 0 if and only if the p-value is below 0.05.
    """

    difference: float
    low: float
    high: float
    p_value: float
    units: int


def estimate(
    figure: pl.DataFrame, resamples: int, seed: int, scale: Interval | None = None
) -> Estimate | None:
    """Estimate a metric; None if it has no weight.

    scale: the least and the largest score, if it is known. The standard error is that of a ratio, by its
    linear part. The interval of a share of units is Wilson's, that of other shares and of scores on a scale
    `reweighted`. Without a scale it is at each end the wider of Student's and the studentized bootstrap's;
    of fewer than FEWEST units also of `reweighted`, as if values reached their range further.
    """
    total, weight = _columns(figure)
    if not weight.sum():
        return None
    value, units = float(total.sum() / weight.sum()), len(total)
    if units < 2:
        return Estimate(value, None, None, None, units)
    error = standard_error(total - value * weight, weight)
    if _is_binary(total, weight):
        ends = wilson(value, units)
    elif bounds := _bounds((total, weight), scale):
        ends = reweighted(total, weight, bounds, resamples, seed)
    else:
        ends = hull(student(value, error, units), studentized(total, weight, resamples, seed))
        if error and units < FEWEST:
            ends = hull(ends, reweighted(total, weight, _reach(total, weight), resamples, seed))
    return Estimate(value, error, *ends, units)


def compare_units(
    one: pl.DataFrame, other: pl.DataFrame, resamples: int, seed: int, scale: Interval | None = None
) -> Comparison | None:
    """Compare a metric of two models on the units that both have; None if they share fewer than two.

    Units that are right or wrong are compared by McNemar's exact test, others by flipping signs.
    """
    both = one.join(other, on="unit", suffix="_other").sort("unit")
    if both.height < 2:
        return None
    second = both["total_other"].to_numpy(), both["weight_other"].to_numpy()
    return compare_columns(_columns(both), second, resamples, seed, scale)


def compare_columns(
    first: Columns, second: Columns, resamples: int, seed: int, scale: Interval | None = None
) -> Comparison | None:
    """Compare a metric of two models on the same units, of which each has a row. As `compare_units`."""
    if not (first[1].sum() and second[1].sum()):
        return None
    units = len(first[0])
    difference = float(first[0].sum() / first[1].sum() - second[0].sum() / second[1].sum())
    if _is_binary(*first) and _is_binary(*second):
        better, worse = (int((gain > 0).sum()) for gain in (first[0] - second[0], second[0] - first[0]))
        found = mcnemar(better, worse, units)
    else:
        gains, weight = _gains(first, second, difference)
        most = np.abs(np.divide(gains, weight, out=np.zeros_like(gains), where=weight > 0)).max()
        bounds = [each for side in (first, second) if (each := _bounds(side, scale))]
        reach = max(float(most), bounds[0][1] - bounds[0][0] if len(bounds) == 2 else 0.0)
        found = flip_signs(gains, weight, reach, resamples, seed)
    return Comparison(difference, *found, units)


def _gains(first: Columns, second: Columns, difference: float) -> Columns:
    """What each unit adds to the difference, and its weight: exactly, or where weights differ linearly."""
    (total, weight), (total_other, weight_other) = first, second
    if (weight == weight_other).all():
        return total - total_other, weight
    parts = [
        (each - each.sum() / own.sum() * own) / own.mean()
        for each, own in ((total, weight), (total_other, weight_other))
    ]
    return difference + parts[0] - parts[1], np.ones_like(weight)


def _reach(total: np.ndarray, weight: np.ndarray) -> Interval:
    """How far values without known bounds are taken to reach."""
    values = total[weight > 0] / weight[weight > 0]
    least, most = float(values.min()), float(values.max())
    return 2 * least - most, 2 * most - least


def _columns(figure: pl.DataFrame) -> Columns:
    return figure["total"].to_numpy(), figure["weight"].to_numpy()


def _is_binary(total: np.ndarray, weight: np.ndarray) -> bool:
    """Whether each unit is one thing that is right or wrong."""
    return bool(np.isin(total, (0.0, 1.0)).all() and (weight == 1.0).all())


def _bounds(columns: Columns, scale: Interval | None) -> Interval | None:
    """Between which values every unit lies: those of the scale, or 0 and 1 for shares; None if unknown."""
    total, weight = columns
    known = ((0.0, 1.0),) if scale is None else (scale, (0.0, 1.0))
    return next(
        (each for each in known if (total >= each[0] * weight).all() and (total <= each[1] * weight).all()),
        None,
    )
