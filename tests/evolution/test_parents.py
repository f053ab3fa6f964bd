"""Rows with their parents: those that a dict of all parents gives, however few are in memory."""

from __future__ import annotations

from collections import Counter

import polars as pl
import pytest

from evobuild.core import draws, table_parts, tables
from evobuild.core.instructions import INSTRUCTIONS, row_id
from evobuild.evolution.parents import join_parents


@pytest.mark.parametrize("most", [1, 1000])
def test_each_row_comes_with_its_parent_and_none_if_that_is_not_there(row, tmp_path, monkeypatch, most):
    monkeypatch.setattr(draws, "BATCH", 2)
    above = [row(f"Name river {number}.") for number in range(40)]
    rows = []
    for place, parent in enumerate(above[:30]):
        for number in range(1 + place % 3):
            own = row_id("r1", parent.id, f"{number}")
            rows.append(parent._replace(id=own, parent_id=parent.id, round="r1", output=f"{place} {number}"))
    rows += [
        rows[0]._replace(id="ab" * 10, parent_id="cd" * 10),
        rows[0]._replace(id="ef" * 10, parent_id=""),
    ]
    rows.append(rows[0]._replace(id="12" * 10, operation="left out"))
    with table_parts.rows_per_file(most):
        for name, own in (("r0", above), ("r1", rows)):
            tables.write(tmp_path / f"{name}.parquet", tables.frame(INSTRUCTIONS, own))
        where = pl.col("operation") != "left out"
        found = list(join_parents(tmp_path / "r1.parquet", tmp_path / "r0.parquet", where))
    known = {parent.id: parent for parent in above}
    expected = [(each, known.get(each.parent_id)) for each in rows[:-1]]
    assert Counter(found) == Counter(expected)
    assert sum(parent is None for _, parent in found) == 2
