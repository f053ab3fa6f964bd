"""The cut: every row is kept or rejected, by one metric, ties by id."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
import tiny

from evobuild import selection
from evobuild.frame import tables
from evobuild.frame.params import Select
from evobuild.frame.tables import INSTRUCTIONS, RATINGS, SCORES


def params(metric: str = "ifd", share: float = 0.5, max_ifd: float | None = None) -> Select:
    return Select(pools="all", metric=metric, share=share, max_ifd=max_ifd)  # type: ignore[arg-type]


def scored(**columns: list) -> pl.DataFrame:
    """Rows a, b, c, … with the given columns; the other measures are null."""
    count = len(next(iter(columns.values())))
    names = ("loss_q", "question_tokens", "ifd", "ifd_ppl", "ic_ifd", "difficulty")
    blank = {name: [None] * count for name in names}
    return pl.DataFrame({"id": [chr(97 + place) for place in range(count)]} | blank | columns)


def kept(rows: pl.DataFrame, chosen: Select, seed: int = 1) -> list[str]:
    """Ids kept; every row must be in exactly one of kept and rejects."""
    keep, lost = selection.cut(rows, chosen, seed)
    assert sorted([*keep["id"], *lost["id"]]) == sorted(rows["id"])
    assert lost.schema == tables.REJECTS
    return sorted(keep["id"])


@pytest.mark.parametrize(
    ("metric", "column", "best"),
    [
        ("ifd", "ifd", ["b", "c"]),
        ("ic_ifd", "ic_ifd", ["b", "c"]),
        ("ifd_ppl", "ifd_ppl", ["b", "c"]),
        ("difficulty", "difficulty", ["b", "c"]),
        ("perplexity", "loss_q", ["a", "d"]),
        ("length", "question_tokens", ["a", "d"]),
    ],
)
def test_scores_keep_the_highest_and_baselines_the_lowest(metric: str, column: str, best: list[str]) -> None:
    assert kept(scored(**{column: [1, 4, 3, 2]}), params(metric)) == best


def test_ties_go_by_id_whatever_the_order() -> None:
    rows = scored(ifd=[0.5] * 6)
    assert kept(rows, params()) == kept(rows.reverse(), params()) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("rows", "share", "count"),
    [(4, 0.25, 1), (10, 0.25, 2), (11, 0.25, 3), (3, 0.1, 1), (3, 1.0, 3), (1, 0.01, 1)],
)
def test_the_share_is_rounded_and_at_least_one_row(rows: int, share: float, count: int) -> None:
    assert len(kept(scored(ifd=[0.1] * rows), params(share=share))) == count


def test_the_share_is_of_the_rows_that_can_be_chosen() -> None:
    rows = scored(ifd=[0.9, None, 1.4, 0.8, None, 1.0])
    keep, lost = selection.cut(rows, params(share=0.34, max_ifd=1.0), 1)
    assert keep["id"].to_list() == ["f"]
    reasons = dict(zip(lost["id"], lost["reason"], strict=True))
    assert reasons == {
        "a": "below the cut",
        "b": "no score",
        "c": "IFD too high",
        "d": "below the cut",
        "e": "no score",
    }


def test_rejects_tell_the_value_that_was_cut_by() -> None:
    _, lost = selection.cut(scored(ifd=[0.25, 0.75, None]), params(), 1)
    assert dict(zip(lost["id"], lost["detail"], strict=True)) == {"a": "0.25", "c": ""}


def test_no_row_that_can_be_chosen_keeps_none() -> None:
    assert kept(scored(ifd=[None, None]), params()) == []


def test_a_random_cut_is_seeded() -> None:
    rows = scored(ifd=[None] * 20)
    assert kept(rows, params("random")) == kept(rows.reverse(), params("random"))
    assert kept(rows, params("random"), seed=2) != kept(rows, params("random"), seed=1)


def test_a_rows_luck_does_not_depend_on_the_others() -> None:
    rows = scored(ifd=[None] * 20)
    luck = dict(selection.with_metric(rows, "random", 1).select("id", "metric").iter_rows())
    fewer = dict(selection.with_metric(rows.head(7), "random", 1).select("id", "metric").iter_rows())
    assert fewer == {key: luck[key] for key in rows["id"][:7]}
    assert len(set(luck.values())) == 20


def test_pools_are_put_side_by_side_with_what_was_measured(tmp_path: Path) -> None:
    rows = [tiny.row(instruction=text) for text in ("One.", "Two.", "Three.")]
    for folder, schema, table in (
        ("responses", INSTRUCTIONS, rows),
        ("scores", SCORES, [(rows[0].id, 3, 4, False, 2.0, 1.5, 3.0, 0.5, 0.22, 0.25)]),
        ("ratings", RATINGS, [(rows[1].id, "hard", 70.0)]),
    ):
        (tmp_path / folder).mkdir()
        tables.write(tmp_path / folder / "r0.parquet", tables.frame(schema, table))
        (tmp_path / folder / "r1.parquet").write_text("of a removed round")
    found = selection.gather(["r0"], *(tmp_path / name for name in ("responses", "scores", "ratings")))
    measured = {each["id"]: (each["ifd"], each["difficulty"]) for each in found.to_dicts()}
    assert measured == {rows[0].id: (0.5, None), rows[1].id: (None, 70.0), rows[2].id: (None, None)}
