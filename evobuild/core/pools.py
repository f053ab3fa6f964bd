"""How a stage that takes all pools in one run writes what it leaves.

It has a folder with a table of each pool, one table of rejects, for ids are unique over all pools, and one
file with the counts of each pool. A stage that is run for each pool has files of each (`core/stages.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from evobuild.core import tables
from evobuild.core.json_files import write_json
from evobuild.core.nothing_left import warn_if_all_rejected
from evobuild.core.rejects import OFF, REJECTS, Reject, balance
from evobuild.core.stages import COUNTED_BY_POOL
from evobuild.core.table_writer import TableWriter


def counts_of_pool(content: Mapping[str, Any], stage: str, pool: str) -> Any:
    """A pool's counts in the content of a stage's file; None if a stage of all pools has none of it."""
    return content.get(pool) if stage in COUNTED_BY_POOL else content


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
