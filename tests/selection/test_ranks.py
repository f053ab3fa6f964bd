"""Ranks: which way each metric counts, several at once, and ties."""

from __future__ import annotations

import polars as pl
import pytest
from candidate_rows import rows

from evobuild.selection import ranks


def ordered(table: pl.DataFrame, by: dict, seed: int = 1) -> str:
    """Ids in order of worth."""
    return "".join(ranks.order_by_worth(ranks.add_worth(table, by, seed))["id"])


@pytest.mark.parametrize(
    ("metric", "column", "values", "order"),
    [
        ("ic_ifd", "ic_ifd", [1, 3, 2], "bca"),
        ("ifd", "ifd", [1, 3, 2], "bca"),
        ("ifd_ppl", "ifd_ppl", [1, 3, 2], "bca"),
        ("difficulty", "difficulty", [1, 3, 2], "bca"),
        ("reward", "reward", [-1, 3, 2], "bca"),
        ("diversity", "diversity", [1, 3, 2], "bca"),
        ("tags", "tags", [[], ["x", "y"], ["x"]], "bca"),
        ("perplexity", "loss_q", [1, 3, 2], "acb"),
        ("length", "question_tokens", [1, 3, 2], "acb"),
    ],
)
def test_each_metric_counts_in_its_own_direction(metric, column, values, order) -> None:
    assert ordered(rows(**{column: values}), {metric: 1.0}) == order


def test_the_value_is_kept_as_it_is_whichever_way_it_counts() -> None:
    valued = ranks.add_worth(rows(loss_q=[0.0, 1.0], question_tokens=[7, 9]), {"length": 1.0}, 1)
    assert valued["metric"].to_list() == [7, 9]
    assert ranks.metric_values(valued, "perplexity", 1).round(3).to_list() == [1.0, 2.718]


def test_ties_go_by_id_whatever_the_order() -> None:
    table = rows(ifd=[0.5] * 4)
    assert ordered(table, {"ifd": 1.0}) == ordered(table.reverse(), {"ifd": 1.0}) == "abcd"


def test_what_has_no_value_comes_last() -> None:
    assert ordered(rows(ifd=[None, 0.1, 0.2]), {"ifd": 1.0}) == "cba"


def test_uncut_rows_come_first() -> None:
    assert ordered(rows(ifd=[0.1, 0.3, 0.2], uncut=[True, False, False]), {"ifd": 1.0}) == "abc"


# Ranks of four, by ifd 1/4 2/4 3/4 4/4 and, as the lowest length is best, by length 4/4 2.5/4 2.5/4 1/4.
@pytest.mark.parametrize(
    ("weights", "worth"),
    [
        ((1.0, 1.0), [0.625, 0.5625, 0.6875, 0.625]),
        ((3.0, 1.0), [0.4375, 0.53125, 0.71875, 0.8125]),
        ((30.0, 10.0), [0.4375, 0.53125, 0.71875, 0.8125]),
    ],
)
def test_several_metrics_are_the_weighted_mean_of_their_fractional_ranks(weights, worth) -> None:
    table = rows(ifd=[0.1, 0.2, 0.3, 40.0], question_tokens=[5, 8, 8, 9])
    by = dict(zip(("ifd", "length"), weights, strict=True))
    assert ranks.add_worth(table, by, 1)["worth"].to_list() == pytest.approx(worth)


def test_a_row_that_lacks_one_of_several_metrics_has_no_rank_and_moves_no_other() -> None:
    by = {"ifd": 1.0, "difficulty": 1.0}
    whole = ranks.add_worth(rows(ifd=[0.1, 0.2], difficulty=[1, 2]), by, 1)
    more = ranks.add_worth(rows(ifd=[0.1, 0.2, 0.9], difficulty=[1, 2, None]), by, 1)
    assert more["worth"].to_list() == [*whole["worth"], None] == [0.5, 1.0, None]


def test_a_random_choice_is_seeded_and_a_rows_luck_does_not_depend_on_the_others() -> None:
    table = rows(ifd=[None] * 20)
    by = {"random": 1.0}
    assert ordered(table, by) == ordered(table.reverse(), by) != ordered(table, by, seed=2)
    luck, fewer = ranks.metric_values(table, "random", 1), ranks.metric_values(table.head(7), "random", 1)
    assert fewer.to_list() == luck.head(7).to_list()
    assert luck.n_unique() == 20
