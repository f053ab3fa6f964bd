"""How often noise is called a difference, and how often intervals hold the true value, by simulation.

Two models answer the same items, of which some are harder for both. Without a difference between the models,
each p-value below 0.05 is a false alarm. With one, the interval of the difference, and that of each model's
metric, should hold the true value in 95 of 100 simulations. Scores are of four kinds: right or wrong; shares
of the instructions that an item has; a judge's ratings from 1 to 10, most of them high; losses, whose
distribution is lognormal with a skewness of 2.2. The abilities of the models differ from simulation to
simulation.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import polars as pl
from figures import Figures
from scipy import special

from evobuild.evaluation.statistics import Columns, compare_columns, estimate_metric

UNITS = (5, 8, 10, 20, 50, 200)
ALARMS, COVERED = 4_000, 2_000
"""Simulations of each kind and number of units: without a difference, and with one."""
RESAMPLES, SEED = 1000, 42
"""As params.yaml has them."""
PROCESSES = 2

Rng = np.random.Generator


class Kind(NamedTuple):
    """A kind of score. abilities: range of a model's ability. apart: how much two models differ.

    items: makes items; scores: gives total and weight of a model's answers to them; mean: the true metric.
    """

    abilities: tuple[float, float]
    apart: float
    items: Callable[[Rng, int], Columns]
    scores: Callable[[Rng, Columns, float], np.ndarray]
    mean: Callable[[float], float]
    scale: tuple[float, float] | None = None


HERMITE = np.polynomial.hermite_e.hermegauss(40)
SPREAD, NOISE = 1.2, 1.0
"""Standard deviations of items, and of answers to one item."""


def one_each(rng: Rng, units: int) -> Columns:
    """Items of weight 1."""
    return SPREAD * rng.normal(size=units), np.ones(units)


def several_each(rng: Rng, units: int) -> Columns:
    """Items of one to three instructions."""
    return SPREAD * rng.normal(size=units), rng.integers(1, 4, units).astype(float)


def right(rng: Rng, items: Columns, ability: float) -> np.ndarray:
    """How many of each item's instructions, or answers, are right."""
    ease, parts = items
    return rng.binomial(parts.astype(int), special.expit(ability + ease)).astype(float)


def share_right(ability: float) -> float:
    """The true share of right ones."""
    points, weights = HERMITE
    return float(weights @ special.expit(ability + SPREAD * points) / weights.sum())


def ratings(rng: Rng, items: Columns, ability: float) -> np.ndarray:
    """A judge's ratings."""
    return np.clip(np.rint(ability + items[0] + NOISE * rng.normal(size=len(items[0]))), 1, 10)


def mean_rating(ability: float) -> float:
    """The true mean of ratings."""
    steps = np.arange(1.5, 10)
    return 1 + float((1 - special.ndtr((steps - ability) / np.hypot(SPREAD, NOISE))).sum())


def losses(rng: Rng, items: Columns, ability: float) -> np.ndarray:
    """Losses in nats."""
    return np.exp(ability + 0.42 * items[0] + 0.3 * rng.normal(size=len(items[0])))


def mean_loss(ability: float) -> float:
    """The true mean of losses."""
    return float(np.exp(ability + ((0.42 * SPREAD) ** 2 + 0.3**2) / 2))


KINDS = {
    "right or wrong": Kind((-1.5, 1.5), 1.0, one_each, right, share_right),
    "shares": Kind((-1.5, 1.5), 0.8, several_each, right, share_right),
    "ratings": Kind((5.5, 8.5), 0.7, one_each, ratings, mean_rating, (0.0, 10.0)),
    "losses": Kind((-0.5, 0.5), 0.2, one_each, losses, mean_loss),
}


class Cell(NamedTuple):
    """What one kind and number of units gave, in percent. contradictions: of p-value and interval."""

    kind: str
    units: int
    alarms: float
    covered_differences: float
    covered_metrics: float
    contradictions: int


def simulate(cell: tuple[str, int]) -> Cell:
    """Simulate one kind of score with one number of units."""
    kind, units = cell
    own = KINDS[kind]
    rng = np.random.default_rng((SEED, list(KINDS).index(kind), units))
    alarms = differences = metrics = 0.0
    contradictions = 0
    for turn in range(ALARMS + COVERED):
        ability = rng.uniform(*own.abilities)
        other = ability if turn < ALARMS else ability - own.apart
        items = own.items(rng, units)
        first, second = ((own.scores(rng, items, each), items[1]) for each in (ability, other))
        found = compare_columns(first, second, RESAMPLES, SEED, own.scale)
        assert found
        contradictions += (found.low > 0 or found.high < 0) != (found.p_value < 0.05)
        if turn < ALARMS:
            alarms += found.p_value < 0.05
            continue
        differences += found.low <= own.mean(ability) - own.mean(other) <= found.high
        metric = estimate_metric(pl.DataFrame(first, ("total", "weight")), RESAMPLES, SEED, own.scale)
        assert metric and metric.low is not None and metric.high is not None
        metrics += metric.low <= own.mean(ability) <= metric.high
    shares = alarms / ALARMS, differences / COVERED, metrics / COVERED
    alarms, differences, metrics = (100 * share for share in shares)
    return Cell(kind, units, alarms, differences, metrics, contradictions)


def statistics(figures: Figures) -> None:
    """Print every cell, and take the worst of each kind."""
    cells = [(kind, units) for kind in KINDS for units in UNITS]
    print(f"{'kind':16}{'units':>6}{'false alarms':>14}{'differences held':>18}{'metrics held':>14}")
    found = []
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        for each in pool.imap(simulate, cells):
            shares = (
                f"{each.alarms:>12.2f} %{each.covered_differences:>16.2f} %{each.covered_metrics:>12.2f} %"
            )
            print(f"{each.kind:16}{each.units:>6}{shares}", flush=True)
            found.append(each)
    for kind in KINDS:
        own = [each for each in found if each.kind == kind]
        figures.at_most(f"{kind}, false alarms, worst", max(each.alarms for each in own), 5.5, "%")
        held = min(each.covered_differences for each in own)
        figures.at_least(f"{kind}, differences within their intervals, worst", held, 94, "%")
        held = min(each.covered_metrics for each in own)
        figures.at_least(f"{kind}, metrics within their intervals, worst", held, 94, "%")
    contradictions = sum(each.contradictions for each in found)
    figures.at_most("intervals that contradict their p-values", contradictions, 0, "comparisons")
