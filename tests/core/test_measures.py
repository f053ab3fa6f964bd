"""The registry of measures: columns, tables and metrics that fit one another and params.yaml."""

from __future__ import annotations

import polars as pl
import pytest
from workspace import SHIPPED_PARAMS

from evobuild.core.measures import BUILT_IN, RANDOM, all_columns, all_metrics, measure_of
from evobuild.core.yaml_files import read_yaml


@pytest.mark.parametrize("measure", BUILT_IN, ids=lambda measure: measure.stage)
def test_a_table_has_an_id_and_its_columns_and_gives_them_their_names_everywhere(measure):
    assert list(measure.schema) == ["id", *(column.stored for column in measure.columns)]
    table = measure.schema.to_frame().rename(measure.renamed)
    assert table.columns == ["id", *(column.name for column in measure.columns)]
    assert [table.schema[column.name] for column in measure.columns] == [
        column.kind for column in measure.columns
    ]


def test_a_column_may_have_another_name_in_its_own_table():
    assert measure_of("rate").schema == pl.Schema({"id": pl.String, "level": pl.String, "score": pl.Float64})
    assert measure_of("rate").renamed == {"level": "level", "score": "difficulty"}
    assert measure_of("diversity").renamed["distance"] == "diversity"


def test_no_two_measures_share_a_stage_a_folder_or_a_column():
    assert len({measure.stage for measure in BUILT_IN}) == len(BUILT_IN)
    assert len({measure.folder for measure in BUILT_IN}) == len(BUILT_IN)
    assert len(all_columns()) == sum(len(measure.columns) for measure in BUILT_IN)


def test_a_measure_is_found_by_its_stage():
    assert [measure_of(measure.stage) for measure in BUILT_IN] == list(BUILT_IN)
    with pytest.raises(KeyError):
        measure_of("select")


@pytest.mark.parametrize("name", all_metrics())
def test_a_metric_is_computed_from_a_column_and_switched_by_a_key_of_params(name):
    metric = all_metrics()[name]
    assert metric.column in all_columns()
    section, key = metric.switch.split(".")
    assert key in read_yaml(SHIPPED_PARAMS)[section]
    table = pl.DataFrame({metric.column: [None]}, schema={metric.column: all_columns()[metric.column].kind})
    assert table.select(metric.expression).to_series().to_list() == [None]


@pytest.mark.parametrize(
    ("name", "value", "worth"),
    [("perplexity", 0.0, 1.0), ("tags", ["a", "b"], 2), ("length", 9, 9), ("difficulty", 70.0, 70.0)],
)
def test_a_metric_is_its_column_or_computed_from_it(name, value, worth):
    metric = all_metrics()[name]
    table = pl.DataFrame({metric.column: [value]}, schema={metric.column: all_columns()[metric.column].kind})
    assert table.select(metric.expression).item() == worth


def test_a_draw_is_no_metric():
    assert RANDOM not in all_metrics()


def test_every_value_can_be_said():
    sample = {pl.String: "a", pl.Float64: 0.5, pl.Int64: 3, pl.Boolean: True, pl.List(pl.String): "a, b"}
    for column in all_columns().values():
        assert column.meaning
        assert column.text.format(sample[column.kind])
