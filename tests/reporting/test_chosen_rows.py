"""Selected rows against the others: which are drawn, what is told of them, and that their data stay data."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from reported import build, hostile, settings

from evobuild.core import table_parts, tables
from evobuild.core.measures import measure_of
from evobuild.reporting import chosen_rows, overlaid_charts
from evobuild.reporting.chosen_rows import Drawn
from evobuild.reporting.overlaid_charts import Panel

POOLS = ["r0", "r1", "r2"]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    return chosen_rows.sample_rows(settings(), build(tmp_path_factory.mktemp("chosen")).rows)


def test_rows_of_all_pools_are_drawn_with_what_was_measured_of_them(drawn: Drawn):
    assert drawn.rows == drawn.table.height == 12
    # The data set holds the rows of r2.
    assert dict(drawn.table.group_by("pool").agg(pl.col("kept").sum()).iter_rows()) == {
        "r0": 0,
        "r1": 0,
        "r2": 4,
    }
    assert drawn.table["words"].to_list() == [1.0] * 12
    assert set(drawn.table["language"]) == {chosen_rows.UNKNOWN}
    assert drawn.table.filter(pool="r1")["difficulty"].to_list() == [41.0] * 4


def test_a_measure_that_no_row_has_cannot_be_chosen(tmp_path: Path):
    where = build(tmp_path).rows
    for pool in POOLS:
        tables.write(where.measures / "scores" / f"{pool}.parquet", measure_of("score").schema.to_frame())
    metrics = chosen_rows.sample_rows(settings(), where).metrics
    assert "ic_ifd" not in metrics and metrics["difficulty"] == "difficulty" and "tags" in metrics


def test_of_many_rows_the_same_ones_are_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    where = build(tmp_path, rows=30).rows
    monkeypatch.setattr(chosen_rows, "POINTS", 20)
    first, again = (chosen_rows.sample_rows(settings(), where) for _ in range(2))
    assert first.table.equals(again.table) and first.table.height == 20 and first.rows == 90
    assert set(first.table["pool"]) == set(POOLS)


def test_of_tables_in_parts_the_same_rows_are_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(chosen_rows, "POINTS", 20)
    whole = chosen_rows.sample_rows(settings(), build(tmp_path / "files", rows=30).rows)
    with table_parts.rows_per_file(5):
        parts = chosen_rows.sample_rows(settings(), build(tmp_path / "folders", rows=30).rows)
    assert parts.table.equals(whole.table) and parts.rows == whole.rows


def test_points_are_whole_data_without_markup(drawn: Drawn):
    text = chosen_rows.points(drawn, POOLS)
    assert text.isascii() and "<" not in text
    content = json.loads(text)
    assert (
        content["rows"] == 12
        and content["pools"] == POOLS
        and content["metrics"]["words"] == "length (words)"
    )
    assert sum(content["kept"]) == 4
    lengths = {len(content[name]) for name in ("id", "pool", "kept")}
    assert lengths | {len(values) for values in content["values"].values()} == {12}
    renamed = drawn._replace(table=drawn.table.with_columns(id=pl.lit("</script>")))
    assert "</" not in chosen_rows.points(renamed, POOLS)


def test_only_pools_that_were_chosen_from_are_drawn_against_each_other(drawn: Drawn):
    assert chosen_rows.chart_of_selected(drawn, []) == ""
    assert ">difficulty<" in chosen_rows.chart_of_selected(drawn, ["r2"])


def test_names_are_literal_and_the_rare_ones_are_summed_up():
    names = pl.Series([hostile("x"), "$\\frac{1}{$", *(f"name {number}" for number in range(9))])
    chart = overlaid_charts.plot_selected_over_others(
        {"domain": Panel(names, pl.Series([], dtype=pl.String))}
    )
    assert "<script" not in chart and ">4 more<" in chart and "$\\frac{1}{$" in chart
    assert ">selected<" not in chart or ">others<" in chart


def test_numbers_may_be_equal_or_none():
    equal = Panel(pl.Series([2.0, 2.0]), pl.Series([2.0]))
    none = Panel(*[pl.Series([], dtype=pl.Float64)] * 2)
    chart = overlaid_charts.plot_selected_over_others({"length": equal, "difficulty": none})
    assert ">length<" in chart and ">difficulty<" in chart and ">selected<" in chart
