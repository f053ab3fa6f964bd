"""The mixture: quotas by hand, and that nothing is lost in sharing out."""

from __future__ import annotations

import polars as pl
import pytest
from candidate_rows import rows
from workspace import SHIPPED_PARAMS

from evobuild.cli.check.all_params import load_all_params
from evobuild.selection import mixture
from evobuild.selection.params import Select

SHIPPED = load_all_params(SHIPPED_PARAMS).select.model_dump() | {"per_pool": False}


@pytest.mark.parametrize(
    ("total", "weights", "sizes", "expected"),
    [
        (10, {"r1": 1, "r2": 2}, {"r1": 9, "r2": 9}, {"r1": 3, "r2": 7}),
        (10, {"r1": 1, "r2": 1, "r3": 1}, {"r1": 9, "r2": 9, "r3": 9}, {"r1": 4, "r2": 3, "r3": 3}),
        (7, {"a": 3, "b": 3, "c": 1}, {"a": 9, "b": 9, "c": 9}, {"a": 3, "b": 3, "c": 1}),
        (10, {"r1": 1, "r2": 1}, {"r1": 2, "r2": 20}, {"r1": 2, "r2": 8}),
        (10, {"a": 2, "b": 1, "c": 1}, {"a": 3, "b": 9, "c": 9}, {"a": 3, "b": 4, "c": 3}),
        (10, {"r1": 1, "r2": 1}, {"r1": 2, "r2": 3}, {"r1": 2, "r2": 3}),
        (10, {"r1": 1, "r2": 1}, {"r1": 20}, {"r1": 10, "r2": 0}),
        (1, {"r1": 1, "r2": 5}, {"r1": 9, "r2": 9}, {"r1": 0, "r2": 1}),
        (10, {"r1": 0.1, "r2": 0.2, "r3": 0.7}, {"r1": 9, "r2": 9, "r3": 9}, {"r1": 1, "r2": 2, "r3": 7}),
        (0, {"r1": 1}, {"r1": 9}, {"r1": 0}),
        (5, {}, {}, {}),
    ],
)
def test_rows_are_shared_out_by_the_largest_remainder(total, weights, sizes, expected) -> None:
    assert mixture.apportion(total, weights, sizes) == expected


@pytest.mark.parametrize("total", range(0, 40, 3))
def test_all_rows_wanted_are_given_while_there_are_any(total) -> None:
    sizes = {"a": 1, "b": 17, "c": 4, "d": 9}
    found = mixture.apportion(total, {"a": 5, "b": 0.3, "c": 2, "d": 1.1}, sizes)
    assert sum(found.values()) == min(total, sum(sizes.values()))
    assert all(found[part] <= sizes[part] for part in sizes)


def planned(table: pl.DataFrame, **changes) -> dict[tuple[str, str], int | None]:
    """Quota of each pool and domain."""
    select = Select.model_validate(SHIPPED | {"share": 0.5} | changes)
    found = mixture.plan_mixture(table, select).select("round", "domain", "quota").unique()
    return {(pool, domain): quota for pool, domain, quota in found.iter_rows()}


TABLE = rows(
    ifd=[1.0] * 12,
    round=["r1"] * 8 + ["r2"] * 4,
    domain=["chat"] * 6 + ["math"] * 2 + ["chat"] * 2 + ["math"] * 2,
)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {("r1", "chat"): 6, ("r1", "math"): 6, ("r2", "chat"): 6, ("r2", "math"): 6}),
        (
            {"per_pool": True},
            {("r1", "chat"): 4, ("r1", "math"): 4, ("r2", "chat"): 2, ("r2", "math"): 2},
        ),
        (
            {"per_pool": True, "per_domain": True},
            {("r1", "chat"): 3, ("r1", "math"): 1, ("r2", "chat"): 1, ("r2", "math"): 1},
        ),
        ({"count": 5}, dict.fromkeys([("r1", "chat"), ("r1", "math"), ("r2", "chat"), ("r2", "math")], 5)),
        ({"per_domain": True}, {("r1", "chat"): 4, ("r1", "math"): 2, ("r2", "chat"): 4, ("r2", "math"): 2}),
        (
            {"weights": {"r1": 1, "r2": 2}},
            {("r1", "chat"): 2, ("r1", "math"): 2, ("r2", "chat"): 4, ("r2", "math"): 4},
        ),
        (
            {"weights": {"r1": 2, "r2": 1}, "per_domain": True},
            {("r1", "chat"): 3, ("r1", "math"): 1, ("r2", "chat"): 1, ("r2", "math"): 1},
        ),
    ],
)
def test_parts_are_pools_and_domains(changes, expected) -> None:
    assert planned(TABLE, **changes) == expected


def test_uncut_rows_have_no_quota_and_do_not_count() -> None:
    table = TABLE.with_columns(uncut=pl.col("round") == "r1")
    assert planned(table) == {
        ("r1", "chat"): None, ("r1", "math"): None, ("r2", "chat"): 2, ("r2", "math"): 2
    }  # fmt: skip


@pytest.mark.parametrize(
    ("rows_in", "share", "count"),
    [(4, 0.25, 1), (10, 0.25, 2), (11, 0.25, 3), (3, 0.1, 1), (3, 1.0, 3), (1, 0.01, 1)],
)
def test_the_share_is_rounded_and_at_least_one_row(rows_in, share, count) -> None:
    assert set(planned(rows(ifd=[0.1] * rows_in), share=share).values()) == {count}
