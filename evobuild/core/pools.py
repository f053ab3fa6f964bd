"""Stages that handle pools: where what they leave lies, and how those that take all at once write it.

A stage that runs once a pool has rejects and a ledger of each, `<stage>-<pool>`. One that takes all
pools in one run, since what it loads costs more than what it does, has one table of rejects,
`<stage>`, for ids are unique over all pools, and one file of ledgers by pool.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from evobuild.core import tables
from evobuild.core.params import Select
from evobuild.core.tables import REJECTS, SEED_ROUND, Columns, Reject

STAGES = ("respond", "rate", "score", "diversity", "reward", "tag")
"""In order."""
AT_ONCE = ("score", "diversity", "reward", "tag")
"""Those that take all pools in one run."""

NOT_ANSWERED = "not answered"
"""Why select rejects a row that an earlier stage lost, which says why itself."""

OFF: dict[str, Any] = {"in": 0, "out": 0, "rejects": {}, "off": True}
"""The ledger of a measure that is switched off."""


def chosen_from(select: Select, every: Iterable[str]) -> list[str]:
    """Names of the pools that select reads: those that it names, and the seed's if it is kept."""
    names = list(every) if select.pools == "all" else list(select.pools)
    return [SEED_ROUND, *names] if select.keep_seeds and SEED_ROUND not in names else names


def stem(stage: str, pool: str) -> str:
    """The name of a stage's rejects and ledgers of a pool: "respond-r1", or "score"."""
    return stage if stage in AT_ONCE else f"{stage}-{pool}"


def stems(pools: Iterable[str]) -> list[str]:
    """The names of all that stages leave of some pools, in the order of the pipeline."""
    return list(dict.fromkeys(stem(stage, pool) for stage in STAGES for pool in pools))


def addresses(pools: Sequence[str]) -> list[str]:
    """What DVC calls the stages of some pools: "respond@r1", …, "score"."""
    found = [stage if stage in AT_ONCE else f"{stage}@{pool}" for stage in STAGES for pool in pools]
    return list(dict.fromkeys(found))


def of_pool(ledgers: Mapping[str, Any], stage: str, pool: str) -> Any:
    """A pool's ledger in the content of its file; None if a stage that takes all pools has none of it."""
    return ledgers.get(pool) if stage in AT_ONCE else ledgers


def leave(schema: pl.Schema, out: Path, rejects: Path, counts: Path) -> None:
    """Write what a stage of one pool leaves if it measures nothing: empty tables, a ledger that says so."""
    tables.write(out, schema.to_frame())
    tables.write(rejects, REJECTS.to_frame())
    tables.write_json(counts, OFF)


class AllPools:
    """What a stage makes of all pools in one run: a folder of tables, the rejects, and ledgers by pool."""

    def __init__(self, schema: Any, folder: Path) -> None:
        folder.mkdir()
        self._schema, self._folder = schema, folder
        self._lost = Columns(REJECTS)
        self._ledgers: dict[str, Any] = {}

    def take(
        self,
        pool: str,
        results: Iterable[Sequence[Any]],
        rows_in: int,
        may_be_empty: bool = False,
        **beside: int,
    ) -> None:
        """Write a pool's table. results: rows of it and rejects. beside: more counts, for its ledger.

        Raises BadInput if no row is left, unless that may be.
        """
        kept, lost = Columns(self._schema), Columns(REJECTS)
        for result in results:
            if isinstance(result, Reject):
                lost.append(result)
                self._lost.append(result)
            else:
                kept.append(result)
        table = kept.frame()
        ledger = tables.ledger(rows_in, table.height, lost.frame())
        if not may_be_empty:
            tables.refuse_empty(f"{rows_in} rows of {pool} came in", ledger)
        tables.write(self._folder / f"{pool}.parquet", table)
        self._ledgers[pool] = ledger | beside

    def leave(self, pool: str) -> None:
        """Write an empty table and say in the ledger that nothing is measured."""
        tables.write(self._folder / f"{pool}.parquet", tables.frame(self._schema, []))
        self._ledgers[pool] = OFF

    def write(self, rejects: Path, counts: Path) -> None:
        """Write the rejects and the ledgers of all pools that were taken."""
        tables.write(rejects, self._lost.frame())
        tables.write_json(counts, self._ledgers)
