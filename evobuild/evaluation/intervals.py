"""Compute 95 % intervals of a ratio of sums over units: Wilson's, Student's, and two that resample units."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from scipy import special

TAIL = 0.025
"""Probability beyond each end of an interval."""
Z = 1.959963984540054
"""Half-width, in standard deviations, of the range that holds 95 % of a normal distribution."""
CHUNK = 2**22
"""Maximum random numbers in memory, to bound it for many units."""
LEAST_ERROR = 0.1
"""Minimum standard error of a resample, as a share of that of all units: a resample may have equal units
only.
"""

Interval = tuple[float, float]


def wilson_interval(share: float, units: int) -> Interval:
    """Compute the interval of a share of units. Source: Wilson 1927, JASA 22, 209-212."""
    scale = 1 + Z**2 / units
    middle = (share + Z**2 / (2 * units)) / scale
    half = Z / scale * math.sqrt(share * (1 - share) / units + Z**2 / (4 * units**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def student_interval(value: float, error: float, units: int) -> Interval:
    """Compute Student's interval. error: standard error of the value."""
    half = float(special.stdtrit(units - 1, 1 - TAIL)) * error
    return value - half, value + half


def standard_error(residuals: np.ndarray, weight: np.ndarray) -> float:
    """Compute the standard error of a ratio by linearization. residuals: total - ratio * weight."""
    units = len(weight)
    return math.sqrt(units / (units - 1) * float((residuals**2).sum())) / float(weight.sum())


def bootstrap_t_interval(total: np.ndarray, weight: np.ndarray, resamples: int, seed: int) -> Interval:
    """Compute the interval of the studentized bootstrap, which follows a skew that Student's ignores.

    Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap, section 12.5.
    """
    units, value = len(total), float(total.sum() / weight.sum())
    residuals = total - value * weight
    error = standard_error(residuals, weight)
    if error == 0:
        return value, value
    rng, found = np.random.default_rng(seed), []
    for rows in split_resamples(units, resamples):
        places = rng.integers(0, units, (rows, units))
        left, own = residuals[places], weight[places]
        sums = own.sum(1)
        away = np.divide(left.sum(1), sums, out=np.zeros(rows), where=sums > 0)
        squares = ((left - away[:, None] * own) ** 2).sum(1) * units / (units - 1)
        errors = np.divide(np.sqrt(squares), sums, out=np.zeros(rows), where=sums > 0)
        found.append(away / np.maximum(errors, LEAST_ERROR * error))
    least, most = np.quantile(np.concatenate(found), (TAIL, 1 - TAIL))
    return value - float(most) * error, value - float(least) * error


def reweighted_interval(
    total: np.ndarray, weight: np.ndarray, bounds: Interval, resamples: int, seed: int
) -> Interval:
    """Compute the interval of a ratio within bounds, by random weights of its units plus one at a bound.

    The lower end adds a unit at the lower bound, the upper end one at the upper bound. For zeros and ones
    this is the Clopper-Pearson interval; for other values it narrows as they vary less. Source: Gaffke 2005;
    Learned-Miller and Thomas 2020, arXiv:1905.06208.
    """
    units, added = len(total), float(weight.mean())
    rng, lows, highs = np.random.default_rng(seed), [], []
    for rows in split_resamples(units, resamples):
        drawn = rng.standard_exponential((rows, units + 1))
        own, extra = drawn[:, :units], drawn[:, units] * added
        totals, weights = own @ total, own @ weight + extra
        lows.append((totals + bounds[0] * extra) / weights)
        highs.append((totals + bounds[1] * extra) / weights)
    low = np.quantile(np.concatenate(lows), TAIL)
    return float(low), float(np.quantile(np.concatenate(highs), 1 - TAIL))


def enclosing_interval(one: Interval, other: Interval) -> Interval:
    """Return the smallest interval that contains both."""
    return min(one[0], other[0]), max(one[1], other[1])


def split_resamples(units: int, resamples: int) -> Iterator[int]:
    """Split a number of resamples into parts that fit in memory."""
    step = max(1, CHUNK // units)
    for first in range(0, resamples, step):
        yield min(step, resamples - first)
