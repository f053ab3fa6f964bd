"""Figures of all rounds and pools, gathered under keys that stay the same from run to run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from evobuild.core import branches as branch_steps
from evobuild.core import pools as pool_stages
from evobuild.core import tables
from evobuild.core.json_files import read_json_file
from evobuild.core.tables import LEVELS, RATINGS, SCORES

BINS = 20
"""Bins of a score histogram."""


def row_counts(
    counts: Path, rounds: Sequence[str], pools: Sequence[str], branches: Sequence[str] = ()
) -> dict[str, Any]:
    """Rows kept by each step: {"r0": 120, "r1": 100, …, "selected": 60} and, below, rejects by stage.

    What a branch lost on the way to its rows is in its funnel.
    """
    ledgers = {"r0": _ledger(counts, "seed")} | {name: _ledger(counts, f"evolve-{name}") for name in rounds}
    selected = _ledger(counts, "select")
    ledgers |= {name: _ledger(counts, branch_steps.stem(branch_steps.LAST, name)) for name in branches}
    kept = {name: ledger["out"] for name, ledger in ledgers.items()}
    kept["r0"] -= ledgers["r0"]["held_out"]
    rejected = {"seed": _lost(ledgers["r0"]), "evolve": sum(_lost(ledgers[name]) for name in rounds)}
    for stage in pool_stages.STAGES:
        found = {pool: _ledger(counts, pool_stages.stem(stage, pool)) for pool in pools}
        rejected[stage] = sum(_lost(pool_stages.of_pool(found[pool], stage, pool)) for pool in pools)
    return {"rows": kept | {"selected": selected["out"]}, "rejected": rejected}


def _ledger(counts: Path, name: str) -> dict[str, Any]:
    content: dict[str, Any] = read_json_file(counts / f"{name}.json")
    return content


def _lost(ledger: dict[str, Any]) -> int:
    return sum(ledger["rejects"].values())


def difficulty(ratings: Path, counts: Path, pools: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Mean difficulty score, 0 to 100, of each pool, null if it was not asked for; rows rated and asked."""
    found = {pool: _ledger(counts, f"rate-{pool}") for pool in pools}
    return {
        "difficulty": {pool: rounded_mean(_table(ratings, pool, RATINGS)["score"], 2) for pool in pools},
        "rated": {pool: ledger["out"] for pool, ledger in found.items()},
        "asked": {pool: ledger["in"] for pool, ledger in found.items()},
    }


def score_means(scores: Path, pools: Sequence[str]) -> dict[str, dict[str, float | None]]:
    """Mean IFD and IC-IFD of each pool, null if none was scored, and rows whose answer was cut."""
    rows = {pool: _table(scores, pool, SCORES) for pool in pools}
    means = {name: {pool: rounded_mean(rows[pool][name], 4) for pool in pools} for name in ("ifd", "ic_ifd")}
    return means | {"truncated": {pool: int(rows[pool]["truncated"].sum()) for pool in pools}}


def level_counts(ratings: Path, pools: Sequence[str]) -> list[dict[str, object]]:
    """Rows of each pool at each difficulty level, levels in order."""
    rows = {pool: _table(ratings, pool, RATINGS)["level"] for pool in pools}
    return [
        {"pool": pool, "level": level, "rows": int((rows[pool] == level).sum())}
        for pool in pools
        for level in LEVELS
    ]


def score_histogram(scores: Path, pools: Sequence[str]) -> list[dict[str, object]]:
    """Rows of each pool by IC-IFD, in equal bins from 0 to the 99th percentile of all, the last open."""
    rows = {pool: _table(scores, pool, SCORES)["ic_ifd"] for pool in pools}
    top = pl.concat(list(rows.values())).quantile(0.99, "nearest") or 1.0
    histogram: list[dict[str, object]] = []
    for pool in pools:
        places = (rows[pool] / top * BINS).floor().clip(0, BINS - 1).cast(pl.Int64)
        for place in range(BINS):
            edge = round(top * place / BINS, 4)
            histogram.append({"pool": pool, "ic_ifd": edge, "rows": int((places == place).sum())})
    return histogram


def contaminated(counts: Path, sets: Sequence[str], pools: Sequence[str]) -> dict[str, Any]:
    """Rows that share text with a set, and their share: {"rows": {set: {measure: {pool: 2}}}, "share": …}."""
    rows: dict[str, Any] = {}
    share: dict[str, Any] = {}
    for name in sets:
        found = _ledger(counts, f"decontaminate-{name}")["pools"]
        for measure in next(iter(found.values()))["hit"]:
            hit = {pool: found[pool]["hit"][measure]["rows"] for pool in pools}
            rows.setdefault(name, {})[measure] = hit
            share.setdefault(name, {})[measure] = {
                pool: round(hit[pool] / max(1, found[pool]["rows"]), 4) for pool in pools
            }
    return {"rows": rows, "share": share}


def usage_by_role(usage: Path, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Calls, tokens, seconds and cost of each role over all stages; cost is null without a price.

    names: of the files, such as "evolve-r1".
    """
    totals: dict[str, dict[str, Any]] = {}
    for name in names:
        for entry in read_json_file(usage / f"{name}.json"):
            none = {"calls": 0, "tokens": 0, "seconds": 0.0, "cost": None}
            total = totals.setdefault(entry["role"], none)
            for counts in entry["purposes"].values():
                total["calls"] += counts["calls"]
                total["tokens"] += counts["prompt_tokens"] + counts["completion_tokens"]
            total["seconds"] = round(total["seconds"] + entry["seconds"], 2)
            if entry["cost"] is not None:
                total["cost"] = round((total["cost"] or 0.0) + entry["cost"], 6)
    return dict(sorted(totals.items()))


def _table(folder: Path, pool: str, schema: pl.Schema) -> pl.DataFrame:
    return tables.read(folder / f"{pool}.parquet", schema)


def rounded_mean(values: pl.Series, digits: int) -> float | None:
    """The mean of what is not null, rounded; None if all is."""
    mean = values.mean()
    return round(mean, digits) if isinstance(mean, float) else None
