"""Join rows with the rows that they were evolved from, in tables of any size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from evobuild.core import tables
from evobuild.core.draws import read_rows
from evobuild.core.instructions import INSTRUCTIONS, Instruction, iterate_instructions
from evobuild.core.scratch import ScratchFolder
from evobuild.core.table_writer import TableWriter

_BY_PARENT = pl.Schema({**INSTRUCTIONS, "child": pl.String()})
"""Rows sorted by parent; `id` is the parent's id and their own, `child` their own alone."""


def join_answers(rows: Path, answers: Path) -> Iterator[Instruction]:
    """Yield the rows of an instruction table with their outputs from another table, '' if missing.

    Raises BadInput as `tables.read` does.
    """
    for some in tables.batches(rows, INSTRUCTIONS):
        outputs = {row.id: row.output for row in read_rows(answers, some["id"])}
        for row in iterate_instructions(some):
            yield row._replace(output=outputs.get(row.id, ""))


def join_parents(
    rows: Path, parents: Path, where: pl.Expr
) -> Iterator[tuple[Instruction, Instruction | None]]:
    """Yield the rows of an instruction table with their parents, sorted by parent; None for a missing parent.

    A scratch file sorts the rows by parent, so that both tables are read once, in batches.

    where: filter of the rows. Raises BadInput as `tables.read` does.
    """
    own_id = pl.concat_str("parent_id", "id", separator=" ")
    with ScratchFolder() as folder:
        by_parent = TableWriter(folder / "rows.parquet", _BY_PARENT)
        for some in tables.batches(rows, INSTRUCTIONS):
            by_parent.extend(some.filter(where).with_columns(own_id.alias("id"), child="id"))
        by_parent.write()
        for some in tables.batches(by_parent.path, _BY_PARENT):
            above = {row.id: row for row in read_rows(parents, some["parent_id"])}
            for row in iterate_instructions(some.with_columns(id="child")):
                yield row, above.get(row.parent_id)
