"""Draws: a row's luck is its own, and what is added at the end of a source changes no draw of so many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import polars as pl
import pytest

from evobuild.core import draws
from evobuild.core.draws import PlacedId, PlacedIds


def placed(count: int) -> list[PlacedId]:
    """Rows of a source, as many as it has places."""
    return [PlacedId(f"row {place}", place) for place in range(count)]


def table(rows: Sequence[PlacedId]) -> pl.DataFrame:
    """Rows as a table of two columns."""
    return pl.DataFrame(rows, {"id": pl.String, "seed_place": pl.Int64}, orient="row")


def test_values_are_spread_evenly_and_differ_by_seed_and_purpose() -> None:
    values = [draws.draw_value(1, "a", f"row {number}") for number in range(10_000)]
    assert all(0 <= value < 1 for value in values)
    assert all(900 < count < 1100 for count in Counter(int(value * 10) for value in values).values())
    assert len({draws.draw_value(seed, purpose, "row") for seed in (1, 2) for purpose in "ab"}) == 4


def test_a_value_is_the_same_on_every_machine() -> None:
    assert draws.draw_value(42, "held out", "row \ud800") == 0.22375117138444411


def test_the_lowest_are_drawn_whatever_the_order_and_one_more_takes_one_place() -> None:
    items = [f"row {number}" for number in range(100)]
    drawn = draws.draw_lowest(items, 10, 1, "a", by=str)
    assert drawn == draws.draw_lowest(items[::-1], 10, 1, "a", by=str)
    assert [draws.draw_value(1, "a", item) for item in drawn] == sorted(
        draws.draw_value(1, "a", item) for item in items
    )[:10]
    for number in range(100, 200):
        more = draws.draw_lowest([*items, f"row {number}"], 10, 1, "a", by=str)
        assert len(set(drawn) - set(more)) <= 1
    assert sorted(draws.draw_lowest(items, 999, 1, "a", by=str)) == sorted(items)
    assert draws.draw_lowest(items, 0, 1, "a", by=str) == []


@pytest.mark.parametrize(
    ("count", "rounded"),
    [(0, 0), (1, 1), (9, 9), (15, 15), (17, 16), (31, 30), (80, 80), (2000, 1920), (2047, 1920)],
)
def test_places_are_rounded_to_eighths_of_a_power_of_two(count: int, rounded: int) -> None:
    assert draws.round_to_eighths(count) == rounded


def test_at_most_a_ninth_of_the_rows_waits() -> None:
    assert all(9 * (count - draws.round_to_eighths(count)) <= count for count in range(1, 20_000))


@pytest.mark.parametrize(
    ("before", "after"), [(2000, 2020), (400, 404), (100, 101), (1000, 1010), (52_002, 52_522)]
)
def test_a_source_that_grows_by_a_hundredth_gives_the_same_rows(before: int, after: int) -> None:
    rows = placed(after)
    assert draws.draw_rows(rows[:before], 50, 1, "a") == draws.draw_rows(rows, 50, 1, "a")
    assert draws.stable_rows(table(rows[:before])).equals(draws.stable_rows(table(rows)))


def test_a_source_that_grows_by_much_gives_others_too() -> None:
    rows = placed(4000)
    few, more = (set(draws.draw_rows(rows[:count], 200, 1, "a")) for count in (2000, 4000))
    assert 60 < len(few & more) < 140
    assert max(row.seed_place for row in more) > 3000


def test_where_the_stable_rows_do_not_suffice_the_others_follow_them() -> None:
    rows = placed(2000)
    drawn = draws.draw_rows(rows, 1950, 1, "a")
    assert {row.seed_place for row in drawn[:1920]} == set(range(1920))
    assert len(set(drawn)) == 1950
    assert set(draws.draw_rows(rows, 5000, 1, "a")) == set(rows)


def test_places_count_and_not_how_many_rows_of_them_are_left() -> None:
    rows = [row for row in placed(2000) if row.seed_place % 3]
    assert draws.stable_rows(table(rows))["seed_place"].max() == 1919
    assert draws.draw_rows([], 3, 1, "a") == []


@pytest.mark.parametrize(("rows", "count"), [(2000, 50), (2000, 1950), (90, 99), (3, 0), (0, 3)])
def test_of_a_table_the_same_rows_are_drawn_in_the_same_order(rows: int, count: int) -> None:
    drawn = draws.draw_table_rows(table(placed(rows)[::-1]), count, 1, "a")
    assert list(drawn.iter_rows()) == draws.draw_rows(placed(rows), count, 1, "a")
    assert draws.draw_rows(PlacedIds(table(placed(rows))), count, 1, "a") == list(drawn.iter_rows())
