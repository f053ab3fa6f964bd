"""Mean, median and histogram of a measure by pool, and tags counted, by hand."""

from __future__ import annotations

import polars as pl

from evobuild.core import tables
from evobuild.core.measures import measure_of
from evobuild.scoring import distributions


def series(*values):
    return pl.Series(values, dtype=pl.Float64)


def test_a_pool_without_a_row_has_no_mean():
    assert distributions.distribution_metrics({"r0": series(0.0, 0.25, 1.0), "r1": series()}) == {
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


def tagged(*rows):
    return tables.frame(measure_of("tag").schema, [(str(at), list(own)) for at, own in enumerate(rows)])


def test_complexity_is_tags_a_row_and_diversity_distinct_tags_a_row():
    found = {"r0": tagged(["a", "b"], ["a"]), "r1": tagged(["a", "b", "c", "d"], ["a", "e"]), "r2": tagged()}
    assert distributions.tag_metrics(found, "m") == {
        "tagger": "m",
        "rows": {"r0": 2, "r1": 2, "r2": 0},
        "unique": {"r0": 2, "r1": 5, "r2": 0},
        "complexity": {"r0": 1.5, "r1": 3.0, "r2": None},
        "diversity": {"r0": 1.0, "r1": 2.5, "r2": None},
    }
    counted = distributions.count_tags(found)
    assert counted.filter(pool="r0")["rows"].to_list() == [1, 1, 0, 0]
    assert counted.filter(pool="r1")["share"].to_list() == [0, 0.5, 0, 0.5]
    assert distributions.count_tags({"r2": tagged()}).is_empty()
