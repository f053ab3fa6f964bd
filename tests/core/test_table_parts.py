"""Large tables: folders of parts that read as one table, whatever wrote them and in whatever order."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import polars as pl
import pytest

from evobuild.core import outs, table_parts, table_writer, tables
from evobuild.core.errors import BadInput
from evobuild.core.instructions import INSTRUCTIONS, stream_instructions
from evobuild.core.rejects import REJECTS, Reject
from evobuild.core.results import Results
from evobuild.core.table_parts import EVERY_ID, PARTS, IdRange
from evobuild.core.table_writer import TableWriter
from evobuild.core.tables import Columns

KIND = pl.Schema({"id": pl.String(), "words": pl.List(pl.Float32), "text": pl.String()})


def digest(number: int) -> str:
    return hashlib.blake2b(str(number).encode(), digest_size=10).hexdigest()


def some_rows(count: int) -> list[tuple[str, list[float] | None, str]]:
    return [(digest(each), [each / 2] if each % 3 else None, f"Row {each}.") for each in range(count)]


@pytest.fixture
def rows() -> pl.DataFrame:
    return tables.frame(KIND, some_rows(3000))


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_table_of_more_rows_than_a_file_holds_is_a_folder_that_reads_the_same(tmp_path, rows):
    path = tmp_path / "t.parquet"
    with table_parts.rows_per_file(rows.height - 1):
        tables.write(path, rows)
    assert len(list(path.iterdir())) == 256
    assert tables.read(path, KIND).equals(rows.sort("id"))
    assert tables.height(path, KIND) == rows.height
    assert pl.concat(tables.batches(path, KIND, rows=5)).equals(rows.sort("id"))


def test_one_of_no_more_rows_stays_the_file_that_it_was(tmp_path, rows):
    tables.write(tmp_path / "whole.parquet", rows)
    with table_parts.rows_per_file(rows.height):
        tables.write(tmp_path / "t.parquet", rows)
    assert (tmp_path / "t.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()


def test_each_part_holds_the_ids_of_its_name(tmp_path, rows):
    with table_parts.rows_per_file(1):
        tables.write(tmp_path / "t.parquet", rows)
    for file in (tmp_path / "t.parquet").iterdir():
        assert set(pl.read_parquet(file)["id"].str.slice(0, 2)) == {file.stem}


def test_a_new_row_changes_one_part(tmp_path, rows):
    new = tables.frame(KIND, [("7f" + "0" * 18, None, "New.")])
    with table_parts.rows_per_file(1):
        tables.write(tmp_path / "before.parquet", rows)
        tables.write(tmp_path / "after.parquet", pl.concat([rows, new]))
    before, after = contents(tmp_path / "before.parquet"), contents(tmp_path / "after.parquet")
    assert [name for name in after if before[name] != after[name]] == ["7f.parquet"]


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
@pytest.mark.parametrize("rows_per_file", [10_000, 100])
def test_rows_that_were_spilled_give_the_same_bytes(tmp_path, rows, monkeypatch, order, rows_per_file):
    monkeypatch.setattr(table_writer, "SPILL_BYTES", 1)
    with table_parts.rows_per_file(rows_per_file):
        tables.write(tmp_path / "whole.parquet", rows)
        made = TableWriter(tmp_path / "t.parquet", KIND)
        made._rows = Columns(KIND, chunk=700)
        for each in some_rows(3000)[order]:
            made.append(each)
        assert len(list(made._spills.folder.iterdir())) == 1
        made.write()
    if rows_per_file == 100:
        assert contents(tmp_path / "t.parquet") == contents(tmp_path / "whole.parquet")
    else:
        assert (tmp_path / "t.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is Linux's")
def test_lists_of_texts_give_the_same_bytes_over_several_row_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "ROWS_A_GROUP", 5000)
    kind = pl.Schema({"id": pl.String(), "verdicts": pl.List(pl.String)})
    for name, most in (("whole", 1 << 30), ("spilled", 1 << 16)):
        monkeypatch.setattr(table_writer, "SPILL_BYTES", most)
        made = TableWriter(tmp_path / name, kind)
        for each in range(12_000):
            made.append((digest(each), ["true", "error: no"] * (each % 200)))
        made.write()
    assert (tmp_path / "spilled").read_bytes() == (tmp_path / "whole").read_bytes()


def test_what_was_spilled_does_not_stay_in_memory(tmp_path, rows, monkeypatch):
    monkeypatch.setattr(table_writer, "SPILL_BYTES", 1)
    made = TableWriter(tmp_path / "t.parquet", KIND)
    made.extend(rows)
    mapped = [Path("/proc/self/maps").read_text() for _ in made._spills.parts()]
    assert len(mapped) == 256 and not any(".arrow" in each for each in mapped)


def test_many_spills_are_read_with_few_open_files(tmp_path, monkeypatch):
    monkeypatch.setattr(table_writer, "SPILL_BYTES", 1)
    monkeypatch.setattr(table_writer, "MERGED", 4)
    whole, made = (TableWriter(tmp_path / f"{name}.parquet", KIND) for name in ("whole", "made"))
    opened = []
    for number in range(70):
        made.extend(tables.frame(KIND, some_rows(70)[number : number + 1]))
        opened.append(len(list(made._spills.folder.iterdir())))
    monkeypatch.setattr(table_writer, "SPILL_BYTES", 1 << 30)
    whole.extend(tables.frame(KIND, some_rows(70)))
    for each in (made, whole):
        each.write()
    # 70 is 1012 by fours: at most three files of each of four tiers.
    assert opened[-1] == 4 and max(opened) <= 10
    assert made.path.read_bytes() == whole.path.read_bytes()


def test_rows_with_earlier_turns_come_back_from_disk(tmp_path, row, monkeypatch):
    monkeypatch.setattr(table_writer, "SPILL_BYTES", 1)
    own = [row(f"Row {each}.", history=(("user", "Hi."),) if each % 2 else ()) for each in range(20)]
    made = TableWriter(tmp_path / "t.parquet", INSTRUCTIONS)
    made.extend(tables.frame(INSTRUCTIONS, own[:10]))
    made.extend(tables.frame(INSTRUCTIONS, own[10:]))
    with table_parts.rows_per_file(5):
        made.write()
    height, found = stream_instructions(tmp_path / "t.parquet")
    assert (height, list(found)) == (20, sorted(own))


@pytest.mark.parametrize("spilled", [False, True])
def test_an_id_that_stands_twice_is_refused(tmp_path, monkeypatch, spilled):
    monkeypatch.setattr(table_writer, "SPILL_BYTES", 1 if spilled else 1 << 30)
    made = TableWriter(tmp_path / "t.parquet", KIND)
    for _ in range(2):
        made.extend(tables.frame(KIND, some_rows(300)))
    with table_parts.rows_per_file(10), pytest.raises(ValueError, match="an id stands twice"):
        made.write()


def test_a_table_without_rows_keeps_its_schema(tmp_path):
    with table_parts.rows_per_file(1):
        TableWriter(tmp_path / "t.parquet", KIND).write()
    assert tables.read(tmp_path / "t.parquet", KIND).schema == KIND


def test_spans_together_are_every_row_once(tmp_path, rows):
    odd = tables.frame(KIND, [("", None, ""), ("0", None, ""), ("zebra", None, ""), ("ff", None, "")])
    given = pl.concat([rows, odd])
    with table_parts.rows_per_file(1):
        tables.write(tmp_path / "large.parquet", given)
    tables.write(tmp_path / "small.parquet", given)
    spans = table_parts.spans([tmp_path / "large.parquet", tmp_path / "small.parquet"])
    assert spans == PARTS
    for name in ("large", "small"):
        own = [tables.read(tmp_path / f"{name}.parquet", KIND, ["id", "text"], span) for span in spans]
        assert pl.concat(own).equals(given.sort("id").select("id", "text"))
    assert table_parts.spans([tmp_path / "small.parquet"]) == (EVERY_ID,)


def test_only_the_files_of_a_span_are_opened(tmp_path, rows):
    path = tmp_path / "t.parquet"
    with table_parts.rows_per_file(1):
        tables.write(path, rows)
    one = digest(17)
    names = [file.stem for file in table_parts.part_files(path, IdRange(one, f"{one}~"))]
    assert names == [one[:2]]
    assert tables.read(path, KIND, ["text"], IdRange(one, f"{one}~")).item() == "Row 17."
    (path / f"{one[:2]}.parquet").unlink()
    assert tables.read(path, KIND, ["text"], IdRange(one, f"{one}~")).is_empty()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("spill-0.arrow", "no part of a table; expected 00.parquet to ff.parquet in "),
        ("100.parquet", "no part of a table; expected 00.parquet to ff.parquet in "),
        (None, "an empty folder; expected the parts of a table, 00.parquet to ff.parquet"),
    ],
)
def test_a_folder_that_is_no_table_is_named(tmp_path, rows, name, message):
    path = tmp_path / "t.parquet"
    path.mkdir()
    if name:
        tables.write(path / "00.parquet", rows)
        (path / name).write_bytes(b"")
    with pytest.raises(BadInput) as caught:
        tables.read(path, KIND)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))


def test_a_part_of_another_schema_is_named(tmp_path, rows):
    path = tmp_path / "t.parquet"
    with table_parts.rows_per_file(1):
        tables.write(path, rows)
    rows.drop("text").write_parquet(path / "7f.parquet")
    with pytest.raises(BadInput, match="not a readable Parquet table"):
        tables.read(path, KIND)


def test_results_of_a_stage_are_folders_where_they_are_many(tmp_path):
    files = {name: tmp_path / f"{name}.parquet" for name in ("out", "rejects")}
    results = Results(KIND, **files)
    results.add(some_rows(20))
    results.add([Reject(digest(99), "empty", "", "")])
    with table_parts.rows_per_file(19):
        results.write(21, tmp_path / "counts.json")
    assert files["out"].is_dir()
    assert files["rejects"].is_file()
    assert tables.read(files["rejects"], REJECTS).height == 1


@pytest.mark.parametrize(("before", "after"), [(1, 10_000), (10_000, 1), (1, 2)])
def test_a_table_takes_the_place_of_another_whatever_kind_they_are(
    tmp_path, rows, monkeypatch, before, after
):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "data/t.parquet"
    for limit in (before, after):
        with table_parts.rows_per_file(limit), outs.atomic_outputs(path, declared=[path]) as (partial,):
            tables.write(partial, rows.head(limit + 1) if limit < 10 else rows)
    assert path.is_dir() == (after < 10)
    assert tables.height(path, KIND) == (after + 1 if after < 10 else rows.height)


def test_a_folder_that_holds_other_things_is_no_table_to_be_replaced(tmp_path, rows, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "t.parquet"
    path.mkdir()
    (path / "notes.txt").write_text("mine")
    with (
        pytest.raises(Exception, match="is not a file, as this out is"),
        outs.atomic_outputs(path, declared=[path]),
    ):
        pass
    assert (path / "notes.txt").read_text() == "mine"
