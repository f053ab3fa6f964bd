"""What is said of a selection: rounds in the reverse order, and a pool that outweighs the others."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from candidate_rows import rows
from workspace import SHIPPED_PARAMS

from evobuild.cli.check.all_params import load_all_params
from evobuild.selection import ranks, warnings
from evobuild.selection.params import Select

SHIPPED = load_all_params(SHIPPED_PARAMS).select.model_dump()
POOLS = ["r0", "r1", "r2", "r3", "autoif"]


def said(values: list[float], pools: list[str], **changes: Any) -> list[str]:
    """What is said of rows with some IFD; the same values are their difficulty."""
    given = Select.model_validate(SHIPPED | {"by": "ifd", "per_pool": False} | changes)
    table = rows(ifd=values, difficulty=values, question_tokens=values, round=pools)
    return warnings.warn_reversed_rounds(ranks.add_worth(table, given.by, 1), given, POOLS)


def test_a_mean_that_falls_from_round_to_round_is_said_with_its_values() -> None:
    (warning,) = said([0.9, 0.7, 0.6, 0.2], ["r1", "r1", "r2", "r3"])
    assert warning == (
        "select.by ifd prefers earlier rounds: its mean is 0.8 in r1, 0.6 in r2, 0.2 in r3; "
        "to prefer later ones, choose another metric or set select.weights"
    )
    assert "per_pool takes a share of each" in said([0.9, 0.6], ["r1", "r2"], per_pool=True)[0]


@pytest.mark.parametrize(
    ("values", "pools", "changes"),
    [
        ([0.6, 0.9, 0.2], ["r1", "r2", "r3"], {}),
        ([0.6, 0.6], ["r1", "r2"], {}),
        ([0.9], ["r1"], {}),
        ([0.9, 0.1], ["r0", "r1"], {}),
        ([0.9, 0.1], ["r1", "autoif"], {}),
        ([0.9, 0.1], ["r1", "r2"], {"by": "random"}),
        ([9, 1], ["r1", "r2"], {"by": "length"}),
    ],
)
def test_else_nothing_is_said(values: list[float], pools: list[str], changes: dict[str, Any]) -> None:
    assert said(values, pools, **changes) == []


def test_the_lowest_come_first_of_some_metrics() -> None:
    assert "length prefers earlier" in said([1, 9], ["r1", "r2"], by="length")[0]


@pytest.mark.parametrize(
    ("pools", "chosen", "expected"),
    [
        ("aabb", "aab", "a gives 2 of the 3 selected rows, more than half; "),
        ("aabb", "ab", None),
        ("aaaa", "aaa", None),
        ("aab", "", None),
    ],
)
def test_a_pool_that_gives_more_than_half_is_named(pools: str, chosen: str, expected: str | None) -> None:
    found = warnings.warn_dominant_pool(sorted(set(pools)), pl.Series("pool", list(chosen), pl.String))
    assert found == ([] if expected is None else [f"{expected}to mix rounds, set select.weights"])
