"""The dozen figures that tell runs apart: what `dvc exp show` and `dvc metrics diff` print.

Every other figure is in the files beside it, which `dvc metrics show metrics/rows.json …` prints by name. The
keys are the same whatever the settings; what was not measured is null.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from evobuild.core import tables
from evobuild.core.evaluation_tables import CONTAMINATION
from evobuild.core.instructions import INSTRUCTIONS, SEED_ROUND
from evobuild.core.json_files import read_json_file
from evobuild.core.measures import measure_of
from evobuild.core.metrics import read_metrics
from evobuild.core.stages import LAST_OF_BRANCH, file_stem
from evobuild.reporting.stage_counts import CountFolders, stage_usage
from evobuild.reporting.summarize import DIGITS, compute_rounded_mean
from evobuild.reporting.training import find_held_out_losses, read_curve

_CHOSEN = pl.Schema({**INSTRUCTIONS, "difficulty": pl.Float64(), "ic_ifd": pl.Float64()})


class Sources(NamedTuple):
    """Where the figures come from: files and folders of the stages before."""

    counts: Path
    downstream: Path
    ratings: Path
    dataset: Path
    contamination: Path
    optimization: Path
    curves: Path


class Names(NamedTuple):
    """What the line is run for. base: the first base that is tuned, '' if none is."""

    rounds: Sequence[str]
    branches: Sequence[str]
    pools: Sequence[str]
    sets: Sequence[str]
    base: str


def headline_figures(
    sources: Sources, names: Names, asking: Iterable[tuple[str, str]]
) -> dict[str, int | float | None]:
    """Gather the figures.

    asking: stages that ask chat models, each with what it is run for. Losses are in nats a token.

    seeds, evolved, selected: rows of r0, of all rounds and branches, and of the data set. largest_pool: the
    share of the data set that the pool with most rows gives. failures: the share of evolutions and answers
    that failed. contaminated: rows of the data set that share text with an evaluation set. difficulty_seeds,
    difficulty, ic_ifd: means over r0, and over the data set. method_failures: the failure rate of the
    evolving method that is used. loss_before, loss_after: of the first base on the held-out rows, by its
    training. tokens: of all that was asked, kept replies included.
    """
    dataset = tables.scan(sources.dataset, _CHOSEN)
    pools = tables.collect(sources.dataset, dataset.group_by("round").len())["len"]
    seeds = tables.read(sources.ratings / f"{SEED_ROUND}.parquet", measure_of("rate").schema, ["score"])
    chosen = tables.read(sources.dataset, _CHOSEN, ["difficulty", "ic_ifd"])
    rate = read_metrics(sources.optimization)["failure_rate"]["best"]
    return {
        **_row_figures(sources.counts, names),
        "selected": chosen.height,
        "largest_pool": _share(pools.max(), chosen.height),
        "failures": _failure_share(sources.counts, names),
        "contaminated": _count_contaminated(sources, names.sets),
        "difficulty_seeds": compute_rounded_mean(seeds["score"], DIGITS),
        "difficulty": compute_rounded_mean(chosen["difficulty"], DIGITS),
        "ic_ifd": compute_rounded_mean(chosen["ic_ifd"], DIGITS),
        "method_failures": rate if rate is None else round(rate, DIGITS),
        **_losses(sources.curves / f"{names.base}.csv" if names.base else None),
        "tokens": sum(
            line["prompt_tokens"] + line["completion_tokens"]
            for line in stage_usage(CountFolders(sources.counts, sources.downstream), asking)
        ),
    }


def _row_figures(counts: Path, names: Names) -> dict[str, int]:
    seed = read_json_file(counts / "seed.json")
    evolved = [file_stem("evolve", name) for name in names.rounds]
    evolved += [file_stem(LAST_OF_BRANCH, name) for name in names.branches]
    rows = [int(read_json_file(counts / f"{stem}.json")["out"]) for stem in evolved]
    return {"seeds": seed["out"] - seed["held_out"], "evolved": sum(rows)}


def _failure_share(counts: Path, names: Names) -> float | None:
    """Lost evolutions and answers, and parents kept in place of a failed child, of all that was tried."""
    stems = [file_stem("evolve", name) for name in names.rounds]
    stems += [file_stem("respond", name) for name in names.pools]
    ledgers: list[Mapping[str, Any]] = [read_json_file(counts / f"{stem}.json") for stem in stems]
    failed = sum(sum(each["rejects"].values()) + each.get("kept_parents", 0) for each in ledgers)
    return _share(failed, sum(each["in"] for each in ledgers))


def _share(part: Any, whole: int) -> float | None:
    return round(part / whole, DIGITS) if whole else None


def _count_contaminated(sources: Sources, sets: Sequence[str]) -> int:
    hit = [
        tables.read(sources.contamination / f"{name}.parquet", CONTAMINATION, ["row"])["row"] for name in sets
    ]
    rows = pl.concat([pl.Series("row", [], pl.String), *hit]).unique()
    return tables.height(sources.dataset, _CHOSEN, pl.col("id").is_in(rows.implode()))


def _losses(curve: Path | None) -> dict[str, float | None]:
    """The first and the last loss on held-out rows; null where none was measured."""
    before, after = (find_held_out_losses(read_curve(curve)) if curve else None) or (None, None)
    return {
        "loss_before": None if before is None else round(before, DIGITS),
        "loss_after": None if after is None else round(after, DIGITS),
    }
