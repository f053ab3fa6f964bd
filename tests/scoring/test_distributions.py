"""Mean, median and histogram of a measure by pool, by hand."""

from __future__ import annotations

import polars as pl

from evobuild.scoring import distributions


def series(*values):
    return pl.Series(values, dtype=pl.Float64)


def test_a_pool_without_a_row_has_no_mean():
    assert distributions.distribution_figures({"r0": series(0.0, 0.25, 1.0), "r1": series()}) == {
        "rows": {"r0": 3, "r1": 0},
        "mean": {"r0": 0.4167, "r1": None},
        "median": {"r0": 0.25, "r1": None},
    }


def test_a_histogram_counts_every_row_once_on_one_scale():
    pools = {"r0": series(0.0, 0.5, 1.0, 1.0), "r1": series(2.0), "r2": series()}
    found = distributions.pool_histogram(pools, "distance", 0.0)
    assert found.columns == ["pool", "distance", "rows", "share"] and found.height == 2 * distributions.BINS
    counts = {(pool, edge): (rows, share) for pool, edge, rows, share in found.iter_rows() if rows}
    assert counts == {
        ("r0", 0.0): (1, 0.25), ("r0", 0.5): (1, 0.25), ("r0", 1.0): (2, 0.5), ("r1", 1.95): (1, 1.0)
    }  # fmt: skip


def test_a_scale_may_begin_below_0_and_have_no_width():
    found = distributions.pool_histogram({"r0": series(-3.0, 1.0)}, "reward")
    assert found["reward"][0] == -3.0 and found["rows"].to_list() == [1, *[0] * 38, 1]
    narrow = distributions.pool_histogram({"r0": series(7.0, 7.0)}, "reward")
    assert narrow["rows"].to_list() == [2, *[0] * 39]


def test_without_a_row_there_is_only_the_head():
    assert distributions.pool_histogram({"r0": series()}, "reward").write_csv() == "pool,reward,rows,share\n"
