"""Filters: each bound by hand, with its reason and what it found."""

from __future__ import annotations

import polars as pl
import pytest
from candidate_rows import rows
from workspace import SHIPPED_PARAMS

from evobuild.cli.check.all_params import load_all_params
from evobuild.selection import filters
from evobuild.selection.params import Filters

SHIPPED = load_all_params(SHIPPED_PARAMS).select.filters.model_dump()


def lost(table: pl.DataFrame, needed: tuple[str, ...] = (), **given) -> dict[str, tuple[str, str]]:
    """Id -> reason and detail."""
    found = filters.find_filtered_rows(table, Filters.model_validate(SHIPPED | given), needed)  # type: ignore[arg-type]
    return {key: (reason, detail) for key, reason, detail in found.iter_rows()}


def test_without_filters_nothing_is_lost() -> None:
    assert lost(rows(ifd=[1.5, None])) == {}


def test_ifd_is_lost_from_its_bound_on() -> None:
    assert lost(rows(ifd=[0.999, 1.0, 1.5]), max_ifd=1.0) == {
        "b": ("IFD too high", "1.0 ≥ 1"),
        "c": ("IFD too high", "1.5 ≥ 1"),
    }


@pytest.mark.parametrize(
    ("metric", "column", "values", "bound", "expected"),
    [
        ("difficulty", "difficulty", [19.5, 20, 90, 91], [20, 90], {"a": "19.5 < 20", "d": "91.0 > 90"}),
        ("reward", "reward", [-0.5, 0, 9], [0, None], {"a": "-0.5 < 0"}),
        ("tags", "tags", [[], ["x"], ["x"] * 3], [1, 2], {"a": "0.0 < 1", "c": "3.0 > 2"}),
        ("perplexity", "loss_q", [0.0, 1.0, 3.0], [None, 5], {"c": "20.085537 > 5"}),
        ("length", "question_tokens", [5, 60], [None, 50], {"b": "60.0 > 50"}),
    ],
)
def test_a_range_holds_its_ends(metric, column, values, bound, expected) -> None:
    found = lost(rows(**{column: values}), ranges={metric: bound})
    assert {key: detail for key, (_, detail) in found.items()} == expected
    assert {reason.rsplit(" ", 1)[0] for reason, _ in found.values()} == {f"{metric} too"}


def test_what_was_not_measured_passes_no_bound() -> None:
    table = rows(ifd=[None, 0.5, 0.5], difficulty=[50, None, 50])
    found = lost(table, max_ifd=1.0, ranges={"difficulty": [0, 100]})
    assert found == {"a": ("no ifd", ""), "b": ("no difficulty", "")}


def test_a_row_needs_what_it_is_ranked_by_unless_it_is_uncut() -> None:
    table = rows(ifd=[None, None, 0.5], uncut=[False, True, False])
    assert lost(table, ("ifd", "random")) == {"a": ("no ifd", "")}


def test_words_and_language_are_bounds_too() -> None:
    table = rows(ifd=[1.0] * 4).with_columns(
        words=pl.Series([2, 3, 7, 5]), language=pl.Series(["en"] * 3 + ["de"])
    )
    found = lost(table, min_words=3, max_words=6, languages=["en", "fr"])
    assert found == {
        "a": ("words too low", "2.0 < 3"),
        "c": ("words too high", "7.0 > 6"),
        "d": ("other language", "de"),
    }


def test_a_language_that_does_not_tell_is_no_other() -> None:
    table = rows(ifd=[1.0]).with_columns(language=pl.Series([None], dtype=pl.String))
    assert lost(table, languages=["en"]) == {}


def test_the_first_bound_names_the_reason() -> None:
    table = rows(ifd=[2.0], difficulty=[5]).with_columns(words=pl.Series([1]))
    found = lost(table, max_ifd=1.0, ranges={"difficulty": [10, None]}, min_words=3)
    assert found == {"a": ("IFD too high", "2.0 ≥ 1")}


@pytest.mark.parametrize(
    ("given", "columns"),
    [({}, []), ({"min_words": 1}, ["words"]), ({"max_words": 9, "languages": ["en"]}, ["words", "language"])],
)
def test_text_is_read_only_where_it_counts(given, columns) -> None:
    assert filters.text_columns(Filters.model_validate(SHIPPED | given)) == columns
