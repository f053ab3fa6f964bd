"""Whether two models differ on the units that both have: exact and permutation tests with their intervals.

Each test gives an interval and a two-sided p-value that say the same: the interval excludes 0 if and only if
the p-value is below 0.05.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from scipy import special

from evobuild.evaluation.intervals import (
    TAIL,
    enclosing_interval,
    reweighted_interval,
    split_resamples,
    standard_error,
    student_interval,
)

ENUMERATED = 12
"""Up to as many pairs, all choices of signs are tried; above, as many random ones as there are resamples."""
TIE = 1e-9
"""Share of the largest difference below which a mean is 0 but for the machine's rounding."""
GRID = 100
"""Grid points that approximate the distribution of the share of units on which two models differ."""
BISECTIONS = 30
DIGITS = 8
"""Of an end that is found by bisection."""
HALF = np.array([0.5])
FEW = 50
"""Up to as many units, what they show of the tails is not trusted."""

Found = tuple[float, float, float]
"""The interval's ends and the p-value."""


@lru_cache(maxsize=4096)
def mcnemar_test(better: int, worse: int, units: int) -> Found:
    """Test by McNemar's exact test whether one model is right on more units than another.

    better, worse: units on which only the one, and only the other, is right. The interval is of the
    difference of their shares of right units; its distribution is that of `intervals.reweighted_interval`, in
    closed form. Source of the test: McNemar 1947, Psychometrika 12, 153-157.
    """
    low = _lower_difference(better, worse, units)
    high = -_lower_difference(worse, better, units)
    tails = _tail_probability(better, worse, HALF), _tail_probability(worse, better, HALF)
    return low, high, min(1.0, 2 * float(min(tails)[0]))


def _tail_probability(better: int, worse: int, shares: np.ndarray) -> np.ndarray:
    """Return P(at least this many better units among those that differ), if each is better with this
    probability.

    Shares are clipped to 0 and 1.
    """
    if better == 0:
        return np.where(shares >= 0, 1.0, 0.0)
    found: np.ndarray = special.betainc(better, worse + 1, np.clip(shares, 0, 1))
    return found


def _lower_difference(better: int, worse: int, units: int) -> float:
    """Find the lower bound of the difference: the share of differing units times the lead of better ones."""
    alike = units - better - worse
    middles = (np.arange(GRID) + 0.5) / GRID
    differing = special.betaincinv(better + worse + 1, alike, middles) if alike else np.ones(1)
    low, high = (0.0, 1.0) if _tail_probability(better, worse, HALF)[0] < TAIL else (-1.0, 0.0)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        if np.mean(_tail_probability(better, worse, (1 + middle / differing) / 2)) < TAIL:
            low = middle
        else:
            high = middle
    return round((low + high) / 2, DIGITS)


def flip_signs(gains: np.ndarray, weight: np.ndarray, reach: float, resamples: int, seed: int) -> Found:
    """Test by random sign flips whether the differences of units could as well have the opposite sign.

    The interval holds the differences that the test does not reject: its ends are ratios of subsets of the
    units (Hartigan 1969, JASA 64, 1303-1317). Few units show little of the tails, so their interval is at
    least as wide as `intervals.reweighted_interval`, unless that would include a 0 that the test rejects.
    With five units or fewer the test rejects nothing: the interval encloses Student's, the reweighted one,
    and 0.

    Args:
        gains: differences of units.
        reach: the largest difference that a unit of weight 1 can have.
    """
    ratios = np.sort(np.concatenate(list(_subset_ratios(gains, weight, resamples, seed))))
    ratios[np.abs(ratios) <= TIE * reach] = 0.0
    drawn = len(ratios)
    rarer = min(int((ratios <= 0).sum()), int((ratios >= 0).sum()))
    # The observed signs count as one more resample on each side, so that p is never 0.
    p_value = min(1.0, 2 * (rarer + 1) / (drawn + 1))
    beyond = math.ceil(round(TAIL * (drawn + 1), 9)) - 1
    if beyond:
        ends = float(ratios[beyond - 1]), float(ratios[drawn - beyond])
    else:
        value = float(gains.sum() / weight.sum())
        low, high = student_interval(value, standard_error(gains - value * weight, weight), len(gains))
        ends = min(low, 0.0), max(high, 0.0)
    if len(gains) <= FEW:
        wide = enclosing_interval(ends, reweighted_interval(gains, weight, (-reach, reach), resamples, seed))
        ends = ends[0] if ends[0] > 0 else wide[0], ends[1] if ends[1] < 0 else wide[1]
    return *ends, p_value


def _subset_ratios(gains: np.ndarray, weight: np.ndarray, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Yield the ratios of subsets of units: all non-empty ones if there are few units, else random ones."""
    units = len(gains)
    if units <= ENUMERATED:
        numbers = np.arange(1, 2**units)
        yield _ratios((numbers[:, None] >> np.arange(units)) & 1, gains, weight)
        return
    rng = np.random.default_rng(seed)
    for rows in split_resamples(units, resamples):
        yield _ratios(rng.integers(0, 2, (rows, units), dtype=np.int8), gains, weight)


def _ratios(chosen: np.ndarray, gains: np.ndarray, weight: np.ndarray) -> np.ndarray:
    members = chosen.astype(np.float64)
    weights = members @ weight
    found: np.ndarray = (members @ gains)[weights > 0] / weights[weights > 0]
    return found


def holm_correction(p_values: Sequence[float], families: Sequence[object]) -> list[float]:
    """Correct p-values for the number of comparisons in their family.

    Source: Holm 1979, Scandinavian Journal of Statistics 6, 65-70.
    """
    found = [1.0] * len(p_values)
    for family in set(families):
        own = [place for place, each in enumerate(families) if each == family]
        least = 0.0
        for rank, place in enumerate(sorted(own, key=p_values.__getitem__)):
            least = max(least, min(1.0, (len(own) - rank) * p_values[place]))
            found[place] = least
    return found
