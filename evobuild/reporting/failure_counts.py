"""Count failures of evolutions and responses by round, operation and domain, with the number of attempts.

A row counts once for each reason for which its evolution failed, however often it was tried. Only
ids and short columns are read: no text, no reply.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from evobuild.core.evolution_tables import CONTENT
from evobuild.core.instructions import AUTO, AUTOIF, KEPT
from evobuild.core.json_files import read_json_file
from evobuild.core.reasons import reasons_of
from evobuild.core.table_parts import part_files

FAILURE_COUNTS = pl.Schema(
    {
        "round": pl.String,
        "stage": pl.String,
        "operation": pl.String,
        "domain": pl.String,
        "reason": pl.String,
        "rows": pl.Int64,
        "of": pl.Int64,
    }
)
"""rows: that failed so. of: all that the stage, evolve or respond, tried of that round, operation and domain.
operation: method for any method, autoif for any constraint, seed for rows of r0. Where nothing failed
there is no row."""

_OF_STRATEGY = {"": "seed", AUTO: "method", AUTOIF: "autoif"}
_OPERATION = (
    pl.when(pl.col("operation") == KEPT)
    .then("operation")
    .otherwise(pl.col("strategy").replace_strict(_OF_STRATEGY, default=pl.col("operation")))
    .alias("operation")
)
_KIND = ["operation", "domain"]
_COUNTS = ("failed_attempts", "kept_parents", "unclear_verdicts")


def count_failures(
    rounds: Path, failures: Path, rejects: Path, names: Sequence[str], pools: Sequence[str]
) -> pl.DataFrame:
    """Count failures: a table as FAILURE_COUNTS says.

    rounds, failures: folders with one table a round. rejects: with those of respond, one a pool.
    """
    found = [_count_evolutions(name, rounds, failures) for name in names]
    found += [_count_responses(name, rounds, rejects) for name in pools]
    return pl.concat([FAILURE_COUNTS.to_frame(), *found])


def _count_evolutions(name: str, rounds: Path, failures: Path) -> pl.DataFrame:
    failed = _scan(failures, name).select("row", _OPERATION, "domain", "reason").unique()
    # A parent that was kept is there too, as a failure, by the operation that failed.
    evolved = _scan(rounds, name).select(pl.col("parent_id").alias("row"), _OPERATION, "domain")
    return _count(name, "evolve", failed, pl.concat([evolved, failed.drop("reason")]).unique())


def _count_responses(name: str, rounds: Path, rejects: Path) -> pl.DataFrame:
    tried = _scan(rounds, name).select("id", _OPERATION, "domain")
    failed = _scan(rejects, f"respond-{name}").select("id", "reason").join(tried, on="id")
    return _count(name, "respond", failed, tried)


def _count(round: str, stage: str, failed: pl.LazyFrame, tried: pl.LazyFrame) -> pl.DataFrame:
    rows = failed.group_by(*_KIND, "reason").agg(rows=pl.len())
    rows = rows.join(tried.group_by(_KIND).agg(of=pl.len()), on=_KIND).sort(*_KIND, "reason")
    rows = rows.with_columns(round=pl.lit(round), stage=pl.lit(stage))
    return rows.select(pl.col(name).cast(kind) for name, kind in FAILURE_COUNTS.items()).collect()


def _scan(folder: Path, name: str) -> pl.LazyFrame:
    return pl.scan_parquet(part_files(folder / f"{name}.parquet"), glob=False)


def failure_figures(
    failure_counts: pl.DataFrame, counts: Path, names: Sequence[str], pools: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Rows that failed by round, then by reason over all rounds, and what evolve counted besides.

    Instance: {"failed": {"evolve": {"r1": 9, …}, "respond": …}, "reasons": {"evolve": {"unparsable": 3, …},
    …}, "kept_parents": 0, …, "lost_content": {"code": 1, …}}
    """
    ledgers = [read_json_file(counts / f"evolve-{name}.json") for name in names]
    lost = [ledger["lost_content"] for ledger in ledgers]
    return {
        "failed": {
            "evolve": _sums(failure_counts, "evolve", "round", names),
            "respond": _sums(failure_counts, "respond", "round", pools),
        },
        "reasons": {
            "evolve": _sums(failure_counts, "evolve", "reason", reasons_of("evolve")),
            "respond": _sums(failure_counts, "respond", "reason", reasons_of("respond")),
        },
        **{key: sum(ledger[key] for ledger in ledgers) for key in _COUNTS},
        "lost_content": {kind: sum(each[kind] for each in lost) for kind in CONTENT},
    }


def _sums(failure_counts: pl.DataFrame, stage: str, column: str, known: Sequence[str]) -> dict[str, int]:
    """Sum rows by one column; known values without rows count 0."""
    rows = failure_counts.filter(stage=stage).group_by(column).agg(pl.col("rows").sum()).sort(column)
    return dict.fromkeys(known, 0) | dict(rows.iter_rows())
