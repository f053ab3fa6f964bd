"""What stops a line, what is only said, and what is left to read."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from contract_line import Line, line_params, output_params, settings
from workspace import ROOT

from evobuild.contracts import validate
from evobuild.contracts.expectations import Table, Validator
from evobuild.contracts.line import line_tables
from evobuild.contracts.line_params import ValidateParams
from evobuild.contracts.output_tables import output_tables
from evobuild.contracts.result import combine_results, read_validation, write_validation
from evobuild.contracts.suites import TABLES, Entry
from evobuild.core import tables
from evobuild.core.errors import BadInput
from evobuild.core.evaluation_tables import CONTAMINATION
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.core.measures import BUILT_IN
from evobuild.core.rejects import OFF, REJECTS

ROWS = pl.DataFrame({"id": [f"row-{number}" for number in range(40)], "figure": list(range(40))})
BETWEEN = "expect_column_values_to_be_between"


@pytest.fixture(scope="module")
def holder() -> Validator:
    return Validator({"most": 9})


def entry(type: str = BETWEEN, severity: Any = "critical", **kwargs: Any) -> Entry:
    return Entry("expectations/table.yaml, entry 1", type, kwargs, severity, "since it has to")


def held(holder: Validator, *entries: Entry, rows: pl.DataFrame = ROWS, off: str = "") -> Any:
    return combine_results([holder.validate(Table("table", rows.lazy(), off), entries)])


def test_a_failure_keeps_some_ids_and_counts_all(holder: Validator, tmp_path: Path) -> None:
    found = held(holder, entry(column="figure", max_value={"$PARAMETER": "most"}))
    [outcome] = found.tables[0].expectations
    assert (outcome.rows, outcome.unexpected, outcome.share) == (40, 30, 0.75)
    assert outcome.ids == [f"row-{number}" for number in range(10, 30)]
    assert outcome.kwargs == {"column": "figure", "max_value": 9.0}
    assert not found.success
    write_validation(tmp_path / "a.json", found)
    assert read_validation(tmp_path / "a.json") == found


def test_rows_without_a_value_are_not_looked_at(holder: Validator) -> None:
    rows = ROWS.with_columns(pl.when(pl.col("figure") < 20).then("figure"))
    [outcome] = held(holder, entry(column="figure", max_value=9), rows=rows).tables[0].expectations
    assert (outcome.rows, outcome.unexpected, outcome.share) == (20, 10, 0.5)


def test_a_line_stops_with_what_failed_and_leaves_the_whole_result(
    holder: Validator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = held(holder, entry(column="figure", max_value=9), entry(column="figure", min_value=20))
    with pytest.raises(BadInput) as error:
        validate.finish(found, "validate", tmp_path / "tables.json")
    first, second = str(error.value).splitlines()
    assert (
        first == 'table: 30 of 40 rows (75.0%) break the rule "since it has to"; figure is at most 9, '
        "but not for row-10, row-11, row-12; 1 more fail"
    )
    assert "evobuild validation" in second and "expectations/table.yaml" in second
    assert read_validation(tmp_path / ".evobuild/validation/validate.json") == found


def test_a_warning_goes_on_and_is_said(
    holder: Validator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    mean = entry("expect_column_mean_to_be_between", severity="info", column="figure", max_value=1)
    found = held(holder, entry(column="figure", max_value=9, severity="warning"), mean)
    validate.finish(found, "validate", tmp_path / "tables.json")
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: table: 30 of 40 rows (75.0%) break the rule")
    content = json.loads((tmp_path / "tables.json").read_text())
    assert content["success"] is True
    assert [own["success"] for own in content["tables"][0]["expectations"]] == [False, False]
    assert content["tables"][0]["expectations"][1]["observed"] == 19.5


def test_a_table_that_is_off_says_so(holder: Validator) -> None:
    found = held(holder, entry(column="figure", max_value=9), off="models.scorer")
    assert found.success
    assert (found.tables[0].off, found.tables[0].expectations) == ("models.scorer", [])


def test_what_cannot_be_evaluated_is_an_error_and_no_pass(holder: Validator) -> None:
    rows = ROWS.with_columns(figure=pl.lit("a"))
    with pytest.raises(BadInput, match=r"expectations/table.yaml, entry 1: cannot be evaluated: "):
        held(holder, entry(column="figure", max_value=9), rows=rows)


@pytest.mark.parametrize("rows", [ROWS, ROWS.head(0)], ids=["rows", "no rows"])
def test_maps_of_an_empty_table_hold(holder: Validator, rows: pl.DataFrame) -> None:
    given = [
        entry("expect_column_values_to_be_unique", column="id"),
        entry("expect_column_values_to_not_be_null", column="id"),
        entry("expect_compound_columns_to_be_unique", column_list=["id", "figure"]),
        entry("expect_column_values_to_be_of_type", column="figure", type_="int64"),
        entry(column="figure", min_value=0, mostly=0.9),
    ]
    assert held(holder, *given, rows=rows).success


def test_quantiles_whose_result_json_refuses_are_read(holder: Validator, tmp_path: Path) -> None:
    ranges = {"quantiles": [0.5], "value_ranges": [[0, 1]]}
    given = entry("expect_column_quantile_values_to_be_between", column="figure", quantile_ranges=ranges)
    found = held(holder, given)
    write_validation(tmp_path / "a.json", found)
    assert not found.success
    assert found.tables[0].expectations[0].observed["quantiles"] == [0.5]


def test_conditions_name_the_rows_that_are_looked_at(holder: Validator) -> None:
    condition = {"row_condition": 'col("figure") > 30', "condition_parser": "great_expectations"}
    [outcome] = held(holder, entry(column="figure", max_value=35, **condition)).tables[0].expectations
    assert outcome.ids == ["row-36", "row-37", "row-38", "row-39"]


def test_nothing_goes_over_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    assert held(Validator({}), entry(column="figure", min_value=0)).success


def test_the_tables_of_both_stages_are_those_that_may_have_a_suite(tmp_path: Path) -> None:
    line = Line(tmp_path)
    given, _ = line_tables(line_params(), line.sources, None)
    outputs, _ = output_tables(output_params(), line.outputs)
    assert {table.name for table in (*given, *outputs)} == set(TABLES)


def frames(line: Line) -> dict[str, pl.DataFrame]:
    given, _ = line_tables(line_params(), line.sources, None)
    return {table.name: table.rows.collect() for table in given}


def test_facts_across_tables_follow_the_tables(tmp_path: Path) -> None:
    line = Line(tmp_path)
    seeds, children = line.rows["r0"], line.rows["r1"]
    line.write("rounds/r0", INSTRUCTIONS, seeds[1:])
    line.write("responses/r1", INSTRUCTIONS, children[:2])
    found = frames(line)
    orphans = found["rounds"].filter(~pl.col("parent_known"))["id"].to_list()
    assert sorted(orphans) == sorted(row.id for row in (children[0], line.rows["autoif"][0]))
    assert found["dataset"].filter(~pl.col("answer_known"))["id"].to_list() == [children[2].id]
    assert found["scores"].filter(~pl.col("row_known"))["id"].to_list() == [children[2].id]
    balance = {row["id"]: row for row in found["balance"].iter_rows(named=True)}
    assert (balance["respond-r1"]["missing"], balance["respond-r1"]["miscounted"]) == (1, 1)
    # The score of an answer that is gone, and the answer to an instruction that is gone.
    assert balance["score"]["strange"] == 1
    assert balance["respond-r0"]["strange"] == 1


def test_a_row_that_is_kept_and_rejected_is_counted_twice(tmp_path: Path) -> None:
    line = Line(tmp_path)
    kept = line.chosen[0].id
    line.write("rejects/select", REJECTS, [(kept, "contaminated", "", "")])
    [row] = frames(line)["balance"].filter(pl.col("stage") == "select").iter_rows(named=True)
    assert (row["twice"], row["missing"], row["strange"]) == (1, 2, 0)


def test_rows_that_are_contaminated_repeated_or_in_another_language_are_told(tmp_path: Path) -> None:
    line = Line(tmp_path)
    spanish = "Escribe todos los rios de España que conoces y di en que mar termina cada uno de ellos."
    rows = [line.rows["r1"][0], line.rows["r1"][0]._replace(id="0" * 20), line.rows["r1"][1]]
    rows[2] = rows[2]._replace(instruction=spanish)
    dataset = pl.read_parquet(tmp_path / "dataset.parquet")
    measured = [name for name in dataset.columns if name not in INSTRUCTIONS]
    one = dataset.select(measured).row(0)
    line.write("dataset", dataset.schema, [(*row, *one) for row in rows])
    found = frames(line)["dataset"].sort("seed_place", "id")
    assert found["is_contaminated"].to_list().count(True) == 1
    assert found["is_repeated"].to_list() == [True, True, False]
    assert found["language"].to_list() == ["en", "en", "es"]


def test_a_line_of_which_all_is_off_that_can_be_passes_and_says_so(tmp_path: Path) -> None:
    line, content, pools = Line(tmp_path), settings(), ("r0", "r1")
    for measure in BUILT_IN:
        for pool in pools:
            line.write(f"measures/{measure.folder}/{pool}", measure.schema, [])
        for stem in [f"rate-{pool}" for pool in pools] if measure.stage == "rate" else [measure.stage]:
            off = OFF if measure.stage == "rate" else dict.fromkeys(pools, OFF)
            line.count(stem, off, [])
    line.write("contamination/held_out", CONTAMINATION, [])
    children = line.rows["r1"]
    kept = pl.read_parquet(tmp_path / "dataset.parquet").filter(pl.col("round") == "r1")
    nothing = [
        pl.lit(None, kind).alias(name) for name, kind in kept.schema.items() if name not in INSTRUCTIONS
    ]
    tables.write(tmp_path / "dataset.parquet", kept.with_columns(nothing))
    lost = [(children[3].id, "not answered", "", ""), (children[0].id, "no ic_ifd", "", "")]
    line.count("select", {"in": 4, "out": 2, "rejects": {"not answered": 1, "no ic_ifd": 1}}, lost)
    off = dict.fromkeys(("scorer", "embedder", "reward", "tagger"))
    content |= {"models": content["models"] | off, "rate": content["rate"] | {"measures": []}}
    content |= {"branches": {}, "pools": {name: {} for name in pools}}
    given, parameters = line_tables(ValidateParams.model_validate(content), line.sources, None)
    found = validate.validate_tables(given, ROOT / "expectations", parameters)
    assert [str(failure) for failure in found.failures("critical")] == []
    assert [str(failure) for failure in found.failures("warning")] == []
    assert {each.table: each.off for each in found.tables if each.off} == {
        "ratings": "rate.measures",
        "scores": "models.scorer",
        "diversity": "models.embedder",
        "rewards": "models.reward",
        "tags": "models.tagger",
        "preferences": "branches",
        "drift": "contracts.against",
    }
