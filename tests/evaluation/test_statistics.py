"""Intervals and paired comparisons: against published intervals, scipy, and what must hold by symmetry."""

from __future__ import annotations

import itertools

import numpy as np
import polars as pl
import pytest
from scipy import stats

from evobuild.evaluation import intervals, model_comparison, paired_tests, statistics

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
    found = statistics.estimate_metric(figure([1] * passed + [0] * (of - passed)), RESAMPLES, 1)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)
    assert found.value == pytest.approx(passed / of)
    assert found.units == of


def test_the_error_of_a_mean_is_its_standard_error():
    values = np.random.default_rng(3).normal(5, 2, 60)
    found = statistics.estimate_metric(figure(values), RESAMPLES, 1)
    assert found.error == pytest.approx(stats.sem(values))
    assert (found.low, found.high) == pytest.approx(
        stats.t.interval(0.95, 59, values.mean(), stats.sem(values)), abs=0.1
    )


def test_parts_of_one_item_do_not_count_as_items():
    # Every item twice, alike: as many replies again tell nothing new.
    once = statistics.estimate_metric(figure([0.2, 0.9, 0.4, 0.7, 0.1]), RESAMPLES, 1)
    twice = statistics.estimate_metric(figure([0.4, 1.8, 0.8, 1.4, 0.2], [2] * 5), RESAMPLES, 1)
    assert twice == pytest.approx(once)


def test_shares_that_are_alike_in_all_units_have_an_interval_all_the_same():
    # 0 of 2 instructions, three times: nothing followed, and nothing certain.
    found = statistics.estimate_metric(figure([0, 0, 0], [2, 2, 2]), 20_000, 1)
    assert (found.value, found.low) == (0, 0)
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 3), abs=0.01)


@pytest.mark.parametrize(("passed", "of"), [(1, 6), (3, 12), (18, 20), (40, 60)])
def test_random_weights_of_zeros_and_ones_give_the_exact_interval(passed, of):
    total = np.array([1.0] * passed + [0.0] * (of - passed))
    found = intervals.reweighted_interval(total, np.ones(of), (0, 1), 20_000, 1)
    assert found == pytest.approx(tuple(stats.binomtest(passed, of).proportion_ci()), abs=0.01)


def test_ratings_that_are_alike_have_an_interval_where_their_scale_is_known():
    low, high = statistics.estimate_metric(figure([9, 9, 9]), RESAMPLES, 1, (1, 10))[2:4]
    assert 1 <= low < 7 and 9 < high <= 10
    assert statistics.estimate_metric(figure([9, 9, 9]), RESAMPLES, 1)[2:4] == (9, 9)


def test_an_interval_leans_to_where_values_are_skewed():
    values = np.exp(np.random.default_rng(4).normal(size=30))
    found = statistics.estimate_metric(figure(values), RESAMPLES, 1)
    plain = stats.t.interval(0.95, 29, values.mean(), stats.sem(values))
    assert found.low == pytest.approx(plain[0], abs=0.02)
    assert found.high > plain[1] + 0.2 * (plain[1] - values.mean())


def test_few_units_cannot_be_sure():
    found = statistics.compare_units(figure([1, 1, 1]), figure([0, 0, 0]), RESAMPLES, 1)
    assert (found.difference, found.p_value) == (1, 0.25)
    assert found.low < 0 < found.high
    five = statistics.compare_units(figure([7, 8, 9, 8, 7]), figure([2, 3, 4, 3, 2]), RESAMPLES, 1)
    assert five.p_value == 2 / 32 and five.low <= 0 < 5 < five.high


def test_a_single_unit_has_no_interval_and_none_has_no_value():
    assert statistics.estimate_metric(figure([0.5]), RESAMPLES, 1) == (0.5, None, None, None, 1)
    assert statistics.estimate_metric(figure([]), RESAMPLES, 1) is None
    assert statistics.estimate_metric(figure([1.0], [0.0]), RESAMPLES, 1) is None


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
    assert (same.difference, same.p_value) == (0, 1)
    # Six answers that are alike do not show that all others would be.
    assert same.high == -same.low == pytest.approx(stats.beta.ppf(0.975, 1, 6), abs=0.01)


def test_only_shared_units_are_compared():
    one = figure([1, 1, 0, 0], units=["a", "b", "c", "d"])
    other = figure([0, 1, 1], units=["b", "c", "x"])
    found = statistics.compare_units(one, other, RESAMPLES, 1)
    assert found.units == 2
    assert found.difference == pytest.approx(0.5 - 0.5)
    assert statistics.compare_units(one, figure([1], units=["z"]), RESAMPLES, 1) is None


def test_a_draw_decides_nothing_but_the_last_digits():
    values = figure(np.random.default_rng(7).random(200))
    one, other = (statistics.estimate_metric(values, RESAMPLES, seed) for seed in (1, 2))
    assert one == statistics.estimate_metric(values, RESAMPLES, 1)
    assert one.low == pytest.approx(other.low, abs=0.02)


@pytest.mark.parametrize(("better", "worse"), [(0, 0), (1, 0), (6, 0), (5, 1), (2, 9), (40, 22), (23, 41)])
def test_right_and_wrong_are_compared_by_mcnemars_exact_test(better, worse):
    pairs = [(1, 0)] * better + [(0, 1)] * worse + [(1, 1)] * 4 + [(0, 0)] * 3
    found = statistics.compare_units(*(figure(side) for side in zip(*pairs, strict=True)), RESAMPLES, 1)
    exact = stats.binomtest(better, better + worse).pvalue if better + worse else 1
    assert found.p_value == pytest.approx(exact)
    assert found.low <= found.difference <= found.high


@pytest.mark.parametrize("units", [2, 5, 8, 11])
def test_other_scores_are_compared_by_the_exact_permutation_test(units):
    rng = np.random.default_rng(units)
    one, other = rng.integers(3, 11, units) + 0.5, rng.integers(1, 9, units)
    found = statistics.compare_units(figure(one), figure(other), RESAMPLES, 1)
    expected = stats.permutation_test(
        (one, other), lambda a, b: (a - b).mean(), permutation_type="samples", n_resamples=np.inf
    )
    assert found.p_value == pytest.approx(expected.pvalue)


@pytest.mark.parametrize(
    "sizes", [(1, 1, 1, 1, 0, 0, 0, 0), (0.1, 0.2, 0.5, 1, 2, 3, 3, 9), (1, 1, 2, 2, 2, 3, 4, 4)]
)
def test_noise_is_called_a_difference_in_at_most_one_of_twenty(sizes):
    # Every choice of signs, each as likely as another.
    found = [
        paired_tests.flip_signs(np.array(signs) * sizes, np.ones(8), 9.0, 100, 1)[2]
        for signs in itertools.product((-1, 1), repeat=8)
    ]
    assert 0 <= np.mean(np.array(found) < 0.05) <= 0.05


def scores_of(kind, rng, units):
    parts = rng.integers(1, 4, units).astype(float)
    lacking = np.maximum(parts - rng.integers(0, 2, units), 1)
    return {
        "right or wrong": lambda: [figure(rng.random(units) < share) for share in (0.7, 0.4)],
        "ratings": lambda: [figure(rng.integers(least, 11, units)) for least in (3, 1)],
        "shares": lambda: [figure(rng.binomial(parts.astype(int), share), [*parts]) for share in (0.8, 0.5)],
        "unlike weights": lambda: [figure(rng.random(units) * own, [*own]) for own in (parts, lacking)],
        "losses": lambda: [figure(np.exp(rng.normal(mean, 1, units))) for mean in (0.7, 0)],
    }[kind]()


@pytest.mark.parametrize("kind", ["right or wrong", "ratings", "shares", "unlike weights", "losses"])
def test_an_interval_excludes_0_exactly_where_its_p_value_is_below_a_twentieth(kind):
    rng = np.random.default_rng(8)
    significant = 0
    for units in [*range(2, 22)] * 3 + [40, 50, 51, 90] * 4:
        found = statistics.compare_units(*scores_of(kind, rng, units), 200, 1)
        shown = model_comparison.round_values(found)
        assert (shown.low > 0 or shown.high < 0) == (shown.p_value < 0.05), (units, found)
        assert found.low <= found.difference <= found.high
        significant += found.p_value < 0.05
    assert kind == "unlike weights" or 10 < significant < 70


def test_p_values_are_corrected_within_their_family():
    corrected = paired_tests.holm_correction([0.01, 0.04, 0.03, 0.005, 0.9], [True] * 4 + [False])
    # As p.adjust of R and multipletests of statsmodels have it.
    assert corrected == pytest.approx([0.03, 0.06, 0.06, 0.02, 0.9])
    assert paired_tests.holm_correction([0.4, 0.6], [1, 1]) == pytest.approx([0.8, 0.8])
    assert paired_tests.holm_correction([], []) == []
