"""What belongs to answers, by row: of some rows all of it, whatever else the table has."""

from __future__ import annotations

import pytest

from evobuild.autoif.answers_by_row import ByRow
from evobuild.autoif.records import ANSWERS, Answer, answer_id
from evobuild.core import table_parts, tables
from evobuild.core.instructions import INSTRUCTIONS, Instruction, row_id


@pytest.mark.parametrize("rows_per_file", [1, 5, 1000])
def test_of_some_rows_all_their_answers_are_read_and_no_other(tmp_path, rows_per_file):
    rows = tables.frame(
        INSTRUCTIONS,
        (Instruction(row_id("", "", str(place)), *([""] * 5), (), *[""] * 3) for place in range(30)),
    ).sort("id")
    answers = [
        Answer(answer_id(row, number), row, number, f"{row}-{number}")
        for place, row in enumerate(rows["id"])
        for number in range(place % 4)
    ]
    with table_parts.rows_per_file(rows_per_file):
        tables.write(tmp_path / "answers", tables.frame(ANSWERS, answers))
        ordered = ByRow(tmp_path / "answers", ANSWERS, ("number", "answer"), tmp_path)
    assert ordered.height == len(answers)
    found = [
        [
            Answer(*values)
            for values in ordered.read_for_rows(some).select("id", "row", "number", "answer").iter_rows()
        ]
        for some in rows.iter_slices(4)
    ]
    for some, own in zip(rows.iter_slices(4), found, strict=True):
        assert {each.row for each in own} <= set(some["id"])
    assert sorted(each for own in found for each in own) == sorted(answers)
