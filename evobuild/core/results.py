"""Write what a stage leaves: its table or a table for each pool, its rejects, and the counts of both.

A stage that takes all pools in one
run writes a folder with a table for each pool, one table of rejects (ids are unique over all pools), and one
file with the counts of each pool; one that runs for each pool has files for each (`core/stages.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from evobuild.core import tables
from evobuild.core.json_files import write_json
from evobuild.core.rejects import (
    OFF,
    REJECTS,
    Reject,
    balance,
    refuse_if_all_rejected,
    warn_if_all_rejected,
)
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


class AllPools:
    """What a stage makes of all pools in one run: a folder of tables, the rejects, and ledgers by pool."""

    def __init__(self, schema: pl.Schema, folder: Path, rejects: Path) -> None:
        folder.mkdir()
        self._schema, self._folder = schema, folder
        self._lost = TableWriter(rejects, REJECTS)
        self._ledgers: dict[str, Any] = {}

    def add(self, pool: str, results: Iterable[Sequence[Any]], rows_in: int, **beside: int) -> None:
        """Write a pool's table. results: rows of it and rejects. beside: more counts, for its ledger.

        A pool none of whose rows can be measured is a warning: only `select` knows whether it needs them.
        """
        kept, reasons = TableWriter(self._folder / f"{pool}.parquet", self._schema), Counter[str]()
        for result in results:
            if isinstance(result, Reject):
                self._lost.append(result)
                reasons[result.reason] += 1
            else:
                kept.append(result)
        ledger = balance(rows_in, kept.height, reasons)
        warn_if_all_rejected(f"{rows_in} rows of {pool} came in", ledger)
        kept.write()
        self._ledgers[pool] = ledger | beside

    def write_empty(self, pool: str) -> None:
        """Write an empty table and say in the ledger that nothing is measured."""
        tables.write(self._folder / f"{pool}.parquet", tables.frame(self._schema, []))
        self._ledgers[pool] = OFF

    def write(self, counts: Path, **beside: object) -> None:
        """Write the rejects, and the counts of all pools that were taken, with more beside them."""
        self._lost.write()
        write_json(counts, self._ledgers | beside)
