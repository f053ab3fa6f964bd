"""Tables: the same rows, the same bytes; what does not fit is named."""

from __future__ import annotations

import polars as pl
import pytest

from evobuild.core import tables
from evobuild.core.errors import BadInput
from evobuild.core.instructions import INSTRUCTIONS, content_id, iterate_instructions, row_id
from evobuild.core.json_files import write_json
from evobuild.core.measures import measure_of
from evobuild.core.rejects import REJECTS, Reject, ledger, refuse_empty
from evobuild.core.results import Results
from evobuild.core.tables import Columns

HISTORY = (("user", "Hi."), ("assistant", "Hello {{ 1 }}."))


@pytest.fixture
def rows(row):
    return [row(f"Row {number}.", history=HISTORY if number % 3 == 0 else ()) for number in range(10)]


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
@pytest.mark.parametrize("chunk", [1, 3, 20_000])
def test_the_same_rows_in_any_order_and_chunks_are_the_same_bytes(tmp_path, rows, order, chunk):
    tables.write(tmp_path / "first", tables.frame(INSTRUCTIONS, rows))
    columns = Columns(INSTRUCTIONS, chunk)
    for each in rows[order]:
        columns.append(each)
    tables.write(tmp_path / "second", columns.frame())
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


def test_rows_come_back_whole_and_sorted_by_id(tmp_path, rows):
    tables.write(tmp_path / "t", tables.frame(INSTRUCTIONS, rows))
    assert list(iterate_instructions(tables.read(tmp_path / "t", INSTRUCTIONS))) == sorted(rows)


def test_some_columns_are_read_alone_and_held_against_the_whole_schema(tmp_path, rows):
    tables.write(tmp_path / "t", tables.frame(INSTRUCTIONS, rows))
    assert tables.read(tmp_path / "t", INSTRUCTIONS, ["id", "round"]).columns == ["id", "round"]
    tables.write(tmp_path / "u", tables.frame(INSTRUCTIONS, rows).drop("output"))
    with pytest.raises(BadInput, match="column 'output' is missing"):
        tables.read(tmp_path / "u", INSTRUCTIONS, ["id"])


def test_a_table_damaged_after_its_head_is_named_when_it_is_read(tmp_path, rows):
    path = tmp_path / "t"
    tables.write(path, tables.frame(INSTRUCTIONS, rows))
    content = path.read_bytes()
    path.write_bytes(content[:4] + b"\xff" * 200 + content[204:])
    scanned = tables.scan(path, INSTRUCTIONS)
    with pytest.raises(BadInput, match="not a readable Parquet table"):
        tables.collect(path, scanned)


@pytest.mark.parametrize("schema", [INSTRUCTIONS, REJECTS, measure_of("score").schema])
def test_an_empty_table_keeps_its_schema(tmp_path, schema):
    tables.write(tmp_path / "t", tables.frame(schema, []))
    assert tables.read(tmp_path / "t", schema).schema == schema


def test_an_id_that_stands_twice_is_refused(tmp_path, row):
    with pytest.raises(ValueError, match="an id stands twice"):
        tables.write(tmp_path / "t", tables.frame(INSTRUCTIONS, [row(), row()]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pl.DataFrame({"id": ["a"], "reason": ["b"]}), "column 'detail' is missing; found id, reason"),
        (pl.DataFrame({"id": [1], "reason": ["b"]}), "column 'id' is Int64; expected String"),
        (b"no table", "not a readable Parquet table"),
        (None, "is not here; run evobuild pull or evobuild repro"),
    ],
)
def test_a_table_that_does_not_fit_is_named(tmp_path, content, message):
    path = tmp_path / "t.parquet"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        content.write_parquet(path)
    with pytest.raises(BadInput) as caught:
        tables.read(path, REJECTS)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(
    "other",
    [
        ((), "a", "c"),
        ((), "ab", ""),
        ((("user", "a"),), "", "b"),
        ((("a", "user"),), "a", "b"),
        ((), "", "ab"),
    ],
)
def test_contents_that_differ_have_other_content_ids(other):
    assert content_id((), "a", "b") == content_id([], "a", "b")
    assert content_id(*other) != content_id((), "a", "b")


def test_ids_follow_round_parent_and_content():
    given = {
        row_id(*values) for values in (("r1", "p", "c"), ("r2", "p", "c"), ("r1", "q", "c"), ("r1", "p", "d"))
    }
    assert len(given) == 4
    assert {len(each) for each in given} == {20}


def lost(*reasons):
    return tables.frame(REJECTS, [Reject(str(place), reason, "", "") for place, reason in enumerate(reasons)])


def test_the_ledger_counts_the_commonest_reason_first_and_ties_by_name():
    rejects = lost("equal", "unchanged", "empty", "unchanged")
    assert ledger(6, 2, rejects) == {
        "in": 6,
        "out": 2,
        "rejects": {"unchanged": 2, "empty": 1, "equal": 1},
    }
    assert list(ledger(4, 0, rejects)["rejects"]) == ["unchanged", "empty", "equal"]


@pytest.mark.parametrize(("rows_in", "rows_out"), [(4, 2), (2, 2), (0, 0)])
def test_a_ledger_that_does_not_add_up_is_a_bug(rows_in, rows_out):
    with pytest.raises(ValueError, match=f"{rows_in} rows in, but {rows_out} out and 1 rejected"):
        ledger(rows_in, rows_out, lost("empty"))


@pytest.mark.parametrize(
    ("rejects", "reasons"),
    [({"a": 3, "b": 2, "c": 1, "d": 1}, "a (3), b (2), c (1)"), ({}, "there was none to begin with")],
)
def test_an_empty_result_names_the_commonest_reasons(rejects, reasons):
    with pytest.raises(BadInput) as caught:
        refuse_empty("7 rows came in", {"out": 0, "rejects": rejects})
    assert str(caught.value) == f"7 rows came in and none is left; the commonest reasons: {reasons}"
    refuse_empty("7 rows came in", {"out": 1, "rejects": rejects})


def test_results_are_rows_and_rejects_that_add_up(tmp_path, rows):
    out, rejects, counts = (tmp_path / name for name in ("out", "rejects", "counts"))
    results = Results(INSTRUCTIONS, out=out, rejects=rejects)
    results.add([*rows, Reject("x", "empty", "", "")])
    results.write(11, counts)
    assert tables.read(out, INSTRUCTIONS).height == 10
    assert tables.read(rejects, REJECTS).rows() == [("x", "empty", "", "")]
    assert counts.read_text() == '{\n  "in": 11,\n  "out": 10,\n  "rejects": {\n    "empty": 1\n  }\n}\n'


def test_nan_is_no_figure(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "figures", {"mean": float("nan")})
