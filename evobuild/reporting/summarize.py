"""Figures of all rounds and pools, gathered under keys that stay the same from run to run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from evobuild.core.json_files import read_json_file
from evobuild.core.measures import DECLARED_STAGE, LEVELS, Measure, all_measures, all_metrics, measure_of
from evobuild.core.stages import LAST_OF_BRANCH, counts_of_pool, file_stem, pool_runs, stage_address
from evobuild.reporting.measured_values import read_values
from evobuild.reporting.stage_counts import CountFolders, stage_usage

BINS = 20
"""Bins of a score histogram."""
DIGITS = 4
"""Decimal places of a mean: few enough to hide differences between machines."""


def row_counts(
    counts: Path, rounds: Sequence[str], pools: Sequence[str], branches: Sequence[str] = ()
) -> dict[str, Any]:
    """Rows kept by each step: {"r0": 120, "r1": 100, …, "selected": 60} and, below, rejects by stage.

    What a branch lost on the way to its rows is in its funnel.
    """
    ledgers = {"r0": _ledger(counts, "seed")} | {name: _ledger(counts, f"evolve-{name}") for name in rounds}
    selected = _ledger(counts, "select")
    ledgers |= {name: _ledger(counts, file_stem(LAST_OF_BRANCH, name)) for name in branches}
    kept = {name: ledger["out"] for name, ledger in ledgers.items()}
    kept["r0"] -= ledgers["r0"]["held_out"]
    rejected = {
        "seed": _count_rejects(ledgers["r0"]),
        "evolve": sum(_count_rejects(ledgers[name]) for name in rounds),
    }
    for run in pool_runs(pools):
        stage = stage_address(run.stage, run.name) if run.stage == DECLARED_STAGE else run.stage
        rejected[stage] = rejected.get(stage, 0) + _count_rejects(
            _pool_counts(counts, run.stage, run.pool, run.name)
        )
    return {"rows": kept | {"selected": selected["out"]}, "rejected": rejected}


def _ledger(counts: Path, name: str) -> dict[str, Any]:
    content: dict[str, Any] = read_json_file(counts / f"{name}.json")
    return content


def _pool_counts(counts: Path, stage: str, pool: str, name: str = "") -> dict[str, Any]:
    content: dict[str, Any] = counts_of_pool(_ledger(counts, file_stem(stage, name or pool)), stage, pool)
    return content


def _count_rejects(ledger: dict[str, Any]) -> int:
    return sum(ledger["rejects"].values())


def measure_means(measures: Path, counts: Path, pools: Sequence[str]) -> dict[str, Any]:
    """The mean of every metric that was measured, in each pool; null where nothing was.

    measures: a folder of each measure. Beside the means: rows that the mean difficulty is over, rows
    that the judge was asked about, and rows whose answer was cut.

    Instance: {"mean": {"ic_ifd": {"r0": 0.2, …}, …}, "rows": {"difficulty": {"r0": 128, …}},
    "asked": {"r0": 133, …}, "truncated": {"r0": 0, …}}
    """
    rated = {pool: _pool_counts(counts, "rate", pool) for pool in pools}
    rows, cut = pl.col("difficulty").count(), pl.col("truncated").sum()
    rate, score = measure_of("rate"), measure_of("score")
    return {
        "mean": _means(measures, pools),
        "rows": {"difficulty": {pool: int(_values(measures, rate, pool, rows).item()) for pool in pools}},
        "asked": {pool: own["in"] for pool, own in rated.items()},
        "truncated": {pool: int(_values(measures, score, pool, cut).item()) for pool in pools},
    }


def _means(measures: Path, pools: Sequence[str]) -> dict[str, Any]:
    mean: dict[str, Any] = {}
    for measure in all_measures():
        for name, metric in all_metrics().items():
            if metric.column in measure.renamed.values():
                own = {
                    pool: compute_rounded_mean(_values(measures, measure, pool, metric.expression), DIGITS)
                    for pool in pools
                }
                mean |= {name: own} if any(each is not None for each in own.values()) else {}
    return mean


def level_counts(measures: Path, pools: Sequence[str]) -> list[dict[str, object]]:
    """Rows of each pool at each difficulty level, levels in order."""
    counted = {
        pool: _values(measures, measure_of("rate"), pool, pl.col("level")).value_counts() for pool in pools
    }
    rows = {pool: dict(own.iter_rows()) for pool, own in counted.items()}
    return [
        {"pool": pool, "level": level, "rows": rows[pool].get(level, 0)} for pool in pools for level in LEVELS
    ]


def score_histogram(measures: Path, pools: Sequence[str]) -> list[dict[str, object]]:
    """Rows of each pool by IC-IFD, in equal bins from 0 to the 99th percentile of all, the last open."""
    rows = {pool: _values(measures, measure_of("score"), pool, pl.col("ic_ifd")) for pool in pools}
    top = pl.concat(list(rows.values())).quantile(0.99, "nearest") or 1.0
    histogram: list[dict[str, object]] = []
    for pool in pools:
        places = (rows[pool] / top * BINS).floor().clip(0, BINS - 1).cast(pl.Int64)
        for place in range(BINS):
            edge = round(top * place / BINS, 4)
            histogram.append({"pool": pool, "ic_ifd": edge, "rows": int((places == place).sum())})
    return histogram


def count_contaminated(counts: Path, sets: Sequence[str], pools: Sequence[str]) -> dict[str, Any]:
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


def usage_by_role(counts: CountFolders, stages: Iterable[tuple[str, str]]) -> dict[str, dict[str, int]]:
    """What was asked of each role in some stages: requests and tokens, kept replies included."""
    totals: dict[str, dict[str, int]] = {}
    for line in stage_usage(counts, stages):
        total = totals.setdefault(line["role"], {"requests": 0, "tokens": 0})
        total["requests"] += line["requests"]
        total["tokens"] += line["prompt_tokens"] + line["completion_tokens"]
    return dict(sorted(totals.items()))


def _values(measures: Path, measure: Measure, pool: str, of: pl.Expr) -> pl.Series:
    """Compute an expression of the columns of a measure, as they are called everywhere."""
    return read_values(measures / measure.folder, pool, measure, of)


def compute_rounded_mean(values: pl.Series, digits: int) -> float | None:
    """The mean of what is not null, rounded; None if all is."""
    mean = values.mean()
    return round(mean, digits) if isinstance(mean, float) else None
