"""95 % intervals of a ratio of sums over units: Wilson's, Student's, and two that resample the units."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from scipy import special

TAIL = 0.025
"""Probability beyond each end of an interval."""
Z = 1.959963984540054
"""95 % of the normal distribution lie within as many standard deviations."""
CHUNK = 2**22
"""Random numbers held at once."""
LEAST_ERROR = 0.1
"""Of the standard error of all units: the least that a resample has, for its units may all be alike."""

Interval = tuple[float, float]


def wilson(share: float, units: int) -> Interval:
    """Give the interval of a share of units. Source: Wilson 1927, JASA 22, 209-212."""
    scale = 1 + Z**2 / units
    middle = (share + Z**2 / (2 * units)) / scale
    half = Z / scale * math.sqrt(share * (1 - share) / units + Z**2 / (4 * units**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def student(value: float, error: float, units: int) -> Interval:
    """Give Student's interval. error: the standard error of the value."""
    half = float(special.stdtrit(units - 1, 1 - TAIL)) * error
    return value - half, value + half


def standard_error(residuals: np.ndarray, weight: np.ndarray) -> float:
    """Give the standard error of a ratio, by its linear part. residuals: total - ratio * weight."""
    units = len(weight)
    return math.sqrt(units / (units - 1) * float((residuals**2).sum())) / float(weight.sum())


def studentized(total: np.ndarray, weight: np.ndarray, resamples: int, seed: int) -> Interval:
    """Give the interval of the studentized bootstrap: it follows a skew that Student's does not see.

    Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap, section 12.5.
    """
    units, value = len(total), float(total.sum() / weight.sum())
    residuals = total - value * weight
    error = standard_error(residuals, weight)
    if error == 0:
        return value, value
    rng, found = np.random.default_rng(seed), []
    for rows in chunks(units, resamples):
        places = rng.integers(0, units, (rows, units))
        left, own = residuals[places], weight[places]
        sums = own.sum(1)
        away = np.divide(left.sum(1), sums, out=np.zeros(rows), where=sums > 0)
        squares = ((left - away[:, None] * own) ** 2).sum(1) * units / (units - 1)
        errors = np.divide(np.sqrt(squares), sums, out=np.zeros(rows), where=sums > 0)
        found.append(away / np.maximum(errors, LEAST_ERROR * error))
    least, most = np.quantile(np.concatenate(found), (TAIL, 1 - TAIL))
    return value - float(most) * error, value - float(least) * error


def reweighted(
    total: np.ndarray, weight: np.ndarray, bounds: Interval, resamples: int, seed: int
) -> Interval:
    """Give the interval of a ratio within bounds: of random weights of its units and of one at a bound.

    The unit added at the lower bound makes the lower end, one at the upper bound the upper end. Of zeros and
    ones, this is Clopper's and Pearson's interval; of other values it is narrower the less they vary. Source:
    Gaffke 2005; Learned-Miller and Thomas 2020, arXiv:1905.06208.
    """
    units, added = len(total), float(weight.mean())
    rng, lows, highs = np.random.default_rng(seed), [], []
    for rows in chunks(units, resamples):
        drawn = rng.standard_exponential((rows, units + 1))
        own, extra = drawn[:, :units], drawn[:, units] * added
        totals, weights = own @ total, own @ weight + extra
        lows.append((totals + bounds[0] * extra) / weights)
        highs.append((totals + bounds[1] * extra) / weights)
    low = np.quantile(np.concatenate(lows), TAIL)
    return float(low), float(np.quantile(np.concatenate(highs), 1 - TAIL))


def hull(one: Interval, other: Interval) -> Interval:
    """Give the least interval that holds both."""
    return min(one[0], other[0]), max(one[1], other[1])


def chunks(units: int, resamples: int) -> Iterator[int]:
    """Split a number of resamples so that each part fits in memory."""
    step = max(1, CHUNK // units)
    for first in range(0, resamples, step):
        yield min(step, resamples - first)
