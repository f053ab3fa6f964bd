"""How sure a figure is, and whether two models differ: intervals and paired comparisons over items.

A figure is a ratio of sums over units, mostly items: sum of total / sum of weight. A mean is one whose
weights are 1. Units, not replies, are what was drawn: the turns of an item rise and fall together.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import polars as pl

Z = 1.959963984540054
"""Of the normal distribution, 95 % lie within as many standard deviations."""
CHUNK = 2**22
"""Numbers of a bootstrap that are held at once."""


class Estimate(NamedTuple):
    """A figure: its value, its standard error, the 95 % interval, and of how many units.

    error, low and high are None of a single unit, of which nothing is known.
    """

    value: float
    error: float | None
    low: float | None
    high: float | None
    units: int


class Comparison(NamedTuple):
    """How two models differ on the same units: a - b, its 95 % interval, and how likely that is by chance."""

    difference: float
    low: float
    high: float
    p_value: float
    units: int


def estimate(figure: pl.DataFrame, resamples: int, seed: int) -> Estimate | None:
    """Estimate a figure; None if it has no weight.

    The standard error is that of a ratio, by its linear part. The interval is Wilson's (1927) for a share
    of units, which may be 0 or 1, and for shares that are alike in all units; else the percentiles of a
    bootstrap over units.
    """
    total, weight = _columns(figure)
    if not weight.sum():
        return None
    value, units = float(total.sum() / weight.sum()), len(total)
    if units < 2:
        return Estimate(value, None, None, None, units)
    residuals = total - value * weight
    error = math.sqrt(units / (units - 1) * float((residuals**2).sum())) / float(weight.sum())
    if np.isin(total, (0.0, 1.0)).all() and (weight == 1.0).all():
        return Estimate(value, error, *wilson(value, units), units)
    drawn = _ratios(total, weight, _rng(seed), resamples)
    low, high = np.percentile(drawn, (2.5, 97.5))
    if low == high and (total >= 0).all() and (total <= weight).all():
        # Units that are all alike say nothing of their spread.
        low, high = wilson(value, units)
    return Estimate(value, error, float(low), float(high), units)


def wilson(share: float, units: int) -> tuple[float, float]:
    """The 95 % interval of a share of so many units. Source: Wilson 1927, JASA 22, 209-212."""
    scale = 1 + Z**2 / units
    middle = (share + Z**2 / (2 * units)) / scale
    half = Z / scale * math.sqrt(share * (1 - share) / units + Z**2 / (4 * units**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def compare_units(one: pl.DataFrame, other: pl.DataFrame, resamples: int, seed: int) -> Comparison | None:
    """Compare a figure of two models on the units that both have; None if they share fewer than two.

    The p-value is two-sided: twice the share of resamples on the rarer side of 0, those at 0 on both.
    """
    both = one.join(other, on="unit", suffix="_other").sort("unit")
    if both.height < 2:
        return None
    total, weight = _columns(both)
    total_other, weight_other = both["total_other"].to_numpy(), both["weight_other"].to_numpy()
    if not (weight.sum() and weight_other.sum()):
        return None
    # The same draws for both: what is compared is an item with itself.
    drawn = _ratios(total, weight, _rng(seed), resamples)
    drawn = drawn - _ratios(total_other, weight_other, _rng(seed), resamples)
    rarer = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    low, high = np.percentile(drawn, (2.5, 97.5))
    difference = float(total.sum() / weight.sum() - total_other.sum() / weight_other.sum())
    # Of so few units no test could tell more: all of them differ one way by chance as often.
    p_value = min(1.0, max(2 * (rarer + 1) / (resamples + 1), 2.0 ** (1 - both.height)))
    return Comparison(difference, float(low), float(high), p_value, both.height)


def _columns(figure: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return figure["total"].to_numpy(), figure["weight"].to_numpy()


def _rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def _ratios(total: np.ndarray, weight: np.ndarray, rng: np.random.Generator, resamples: int) -> np.ndarray:
    """The figure of so many samples of its units, drawn with replacement."""
    units = len(total)
    found = np.empty(resamples)
    step = max(1, CHUNK // units)
    for first in range(0, resamples, step):
        places = rng.integers(0, units, (min(step, resamples - first), units))
        sums = weight[places].sum(1)
        with np.errstate(invalid="ignore", divide="ignore"):
            ratios = total[places].sum(1) / sums
        found[first : first + len(places)] = np.where(sums > 0, ratios, total.sum() / weight.sum())
    return found
