"""What a stage leaves: its out, its rejects, and the counts of both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from evobuild.core import tables
from evobuild.core.json_files import write_json
from evobuild.core.nothing_left import refuse_if_all_rejected, warn_if_all_rejected
from evobuild.core.rejects import OFF, REJECTS, Reject, balance
from evobuild.core.table_writer import TableWriter


class Results:
    """What a stage makes of its rows, each one a row of the out or a reject, written as it comes.

    is_needed: whether the line ends where all rows are lost; else that is a warning.
    """

    def __init__(self, schema: pl.Schema, *, out: Path, rejects: Path, is_needed: bool = True) -> None:
        self._kept, self._lost = TableWriter(out, schema), TableWriter(rejects, REJECTS)
        self._reasons: Counter[str] = Counter()
        self._check = refuse_if_all_rejected if is_needed else warn_if_all_rejected

    def add(self, results: Iterable[Sequence[Any]]) -> None:
        """Take results."""
        for result in results:
            if isinstance(result, Reject):
                self._lost.append(result)
                self._reasons[result.reason] += 1
            else:
                self._kept.append(result)

    def extend(self, rows: pl.DataFrame) -> None:
        """Take rows of the out that are a table already."""
        self._kept.extend(rows)

    def reject(self, lost: pl.DataFrame) -> None:
        """Take rejects that are a table: id, reason, detail."""
        self._lost.extend(lost.with_columns(reply=pl.lit("")))
        self._reasons.update(dict(lost["reason"].value_counts().iter_rows()))

    def write(self, rows_in: int, counts: Path, **beside: object) -> None:
        """Write the out, the rejects, and the counts with more beside them.

        Raises NothingLeft if rows came in, nothing is left, and it is needed.
        """
        found = balance(rows_in, self._kept.height, self._reasons)
        self._lost.write()
        self._check(f"{rows_in} rows came in", found, self._lost.path)
        self._kept.write()
        write_json(counts, found | beside)


def leave_empty(schema: pl.Schema, *, out: Path, rejects: Path, counts: Path) -> None:
    """Write what a stage leaves if it is switched off: empty tables, and counts that say so."""
    tables.write(out, schema.to_frame())
    tables.write(rejects, REJECTS.to_frame())
    write_json(counts, OFF)
