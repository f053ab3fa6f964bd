"""Some rows of a table: the draws of a list of its rows, be it a folder or a file, few or all in memory."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny

from evobuild.core import draws, table_parts, tables
from evobuild.core.draws import draw_rows
from evobuild.core.instructions import INSTRUCTIONS

ROWS = sorted(
    (tiny.row(instruction=f"Name river {place}.", seed_place=place) for place in range(70)),
    key=lambda row: row.id,
)


@pytest.fixture(params=[1, 1000], ids=["folder", "file"])
def table(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(draws, "BATCH", 3)
    with table_parts.rows_per_file(request.param):
        tables.write(tmp_path / "t.parquet", tables.frame(INSTRUCTIONS, ROWS))
    assert (tmp_path / "t.parquet").is_dir() == (request.param == 1)
    return tmp_path / "t.parquet"


@pytest.mark.parametrize("count", [1, 20, 66, 69, 70, 71, None])
def test_rows_are_drawn_of_a_table_as_of_a_list_and_come_by_id(table: Path, count: int | None):
    height, found = draws.stream_drawn(table, count, 7, "test")
    expected = ROWS if count is None else sorted(draw_rows(ROWS, count, 7, "test"), key=lambda row: row.id)
    assert list(found) == expected and height == len(expected)


def test_rows_with_certain_ids_are_read_once_each_and_what_is_not_there_is_none(table: Path):
    wanted = [ROWS[place] for place in (69, 3, 4, 30, 3, 0)]
    found = list(draws.read_rows(table, [*(row.id for row in wanted), "no such id", ""]))
    assert found == [ROWS[place] for place in (0, 3, 4, 30, 69)]
    assert list(draws.read_rows(table, [])) == []


def test_of_rows_read_only_those_between_are_opened(table: Path, monkeypatch: pytest.MonkeyPatch):
    spans = []
    read = tables.read
    monkeypatch.setattr(
        tables, "read", lambda *given, **more: spans.append(more["span"]) or read(*given, **more)
    )
    list(draws.read_rows(table, [row.id for row in ROWS[10:17]]))
    assert [(span.low, span.high) for span in spans] == [
        (ROWS[first].id, ROWS[last].id + "\0") for first, last in ((10, 12), (13, 15), (16, 16))
    ]
