"""Intervals and paired comparisons: against published intervals, scipy, and what must hold by symmetry."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import stats

from evobuild.evaluation import statistics

RESAMPLES = 2000


def figure(totals, weights=None, units=None):
    totals = [float(each) for each in totals]
    return pl.DataFrame(
        {
            "unit": units or [f"{place:04}" for place in range(len(totals))],
            "total": totals,
            "weight": [float(each) for each in weights or [1] * len(totals)],
        }
    )


@pytest.mark.parametrize(
    ("passed", "of", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_of_a_share_is_as_published(passed, of, low, high):
    # Newcombe 1998, Statistics in Medicine 17, 857-872, Table I, method 3.
    found = statistics.estimate(figure([1] * passed + [0] * (of - passed)), RESAMPLES, 1)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)
    assert found.value == pytest.approx(passed / of)
    assert found.units == of


def test_the_error_of_a_mean_is_its_standard_error():
    values = np.random.default_rng(3).normal(5, 2, 60)
    found = statistics.estimate(figure(values), RESAMPLES, 1)
    assert found.error == pytest.approx(stats.sem(values))
    assert (found.low, found.high) == pytest.approx(
        stats.t.interval(0.95, 59, values.mean(), stats.sem(values)), abs=0.1
    )


def test_parts_of_one_item_do_not_count_as_items():
    # Every item twice, alike: as many replies again tell nothing new.
    once = statistics.estimate(figure([0.2, 0.9, 0.4, 0.7, 0.1]), RESAMPLES, 1)
    twice = statistics.estimate(figure([0.4, 1.8, 0.8, 1.4, 0.2], [2] * 5), RESAMPLES, 1)
    assert twice == pytest.approx(once)


def test_shares_that_are_alike_in_all_units_have_an_interval_all_the_same():
    # 0 of 2 and of 3 instructions: nothing followed, and nothing certain.
    found = statistics.estimate(figure([0, 0, 0], [2, 3, 2]), RESAMPLES, 1)
    assert (found.value, found.low) == (0, 0)
    assert found.high == pytest.approx(statistics.wilson(0, 3)[1])
    # Ratings are no shares.
    assert statistics.estimate(figure([7, 7, 7]), RESAMPLES, 1)[2:4] == (7, 7)


def test_few_units_cannot_be_sure():
    found = statistics.compare_units(figure([1, 1, 1]), figure([0, 0, 0]), RESAMPLES, 1)
    assert (found.difference, found.p_value) == (1, 0.25)


def test_a_single_unit_has_no_interval_and_none_has_no_value():
    assert statistics.estimate(figure([0.5]), RESAMPLES, 1) == (0.5, None, None, None, 1)
    assert statistics.estimate(figure([]), RESAMPLES, 1) is None
    assert statistics.estimate(figure([1.0], [0.0]), RESAMPLES, 1) is None


def test_a_paired_comparison_sees_what_pairs_show():
    rng = np.random.default_rng(5)
    hard = rng.normal(0, 3, 80)
    one, other = hard + rng.normal(0.4, 1, 80), hard + rng.normal(0, 1, 80)
    found = statistics.compare_units(figure(one), figure(other), 20_000, 1)
    expected = stats.ttest_rel(one, other)
    assert found.difference == pytest.approx(float((one - other).mean()))
    assert found.p_value == pytest.approx(float(expected.pvalue), abs=0.01)
    interval = expected.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=0.05)


def test_a_comparison_is_mirrored_and_equal_models_do_not_differ():
    one, other = figure([1, 0, 1, 1, 0, 1]), figure([0, 0, 1, 0, 0, 1])
    there = statistics.compare_units(one, other, RESAMPLES, 1)
    back = statistics.compare_units(other, one, RESAMPLES, 1)
    mirrored = (-there.difference, -there.high, -there.low)
    assert (back.difference, back.low, back.high) == pytest.approx(mirrored)
    assert back.p_value == there.p_value
    same = statistics.compare_units(one, one, RESAMPLES, 1)
    assert (same.difference, same.low, same.high, same.p_value) == (0, 0, 0, 1)


def test_only_shared_units_are_compared():
    one = figure([1, 1, 0, 0], units=["a", "b", "c", "d"])
    other = figure([0, 1, 1], units=["b", "c", "x"])
    found = statistics.compare_units(one, other, RESAMPLES, 1)
    assert found.units == 2
    assert found.difference == pytest.approx(0.5 - 0.5)
    assert statistics.compare_units(one, figure([1], units=["z"]), RESAMPLES, 1) is None


def test_a_draw_decides_nothing_but_the_last_digits():
    values = figure(np.random.default_rng(7).random(200))
    one, other = (statistics.estimate(values, RESAMPLES, seed) for seed in (1, 2))
    assert one == statistics.estimate(values, RESAMPLES, 1)
    assert one.low == pytest.approx(other.low, abs=0.02)
