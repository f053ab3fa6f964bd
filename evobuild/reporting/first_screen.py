"""The report's first screen: results, links to files, and the facts behind the verdict."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from evobuild.core import tables
from evobuild.core.evaluation_tables import CONTAMINATION
from evobuild.core.instructions import INSTRUCTIONS, SEED_ROUND
from evobuild.core.stages import STAGES, stage_address
from evobuild.export.formats import DATASETS, FORMATS
from evobuild.reporting.outcomes import Tables
from evobuild.reporting.params import ReportParams
from evobuild.reporting.stage_counts import StageCounts, read_json

DOMAINS = 8
"""Domains shown by name; smaller ones are summed up."""
HASHED = 16
"""Hexadecimal digits shown of a hash."""
ROWS_AT_ONCE = 10_000


class Made(NamedTuple):
    """What became of a pool: rows that it has, that were answered, and that are in the data set.

    chosen_from: whether the data set was chosen from it.
    """

    pool: str
    rows: int
    answered: int
    selected: int
    chosen_from: bool


def count_rows(dataset: Path) -> pl.DataFrame:
    """Count the rows of the data set: domain, round, and how many, in `len`."""
    rows = tables.scan(dataset, INSTRUCTIONS, ["domain", "round"])
    return tables.collect(dataset, rows.group_by("domain", "round").len().sort("domain", "round"))


def count_by_pool(
    params: ReportParams, counts: Mapping[str, StageCounts], counted: pl.DataFrame
) -> list[Made]:
    """One line a pool, in the order of params. counted: of `count_rows`."""
    selected = dict(counted.group_by("round").agg(pl.col("len").sum()).iter_rows())
    chosen_from = params.select.list_pools(params.pools)
    return [
        Made(pool, own.rows_in, own.rows_out, selected.get(pool, 0), pool in chosen_from)
        for pool in params.pools
        for own in [counts[f"respond-{pool}"]]
    ]


def count_selected(counted: pl.DataFrame, pools: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of the data set by domain, the largest first, and of each the rows by pool.

    counted: of `count_rows`.
    """
    by_domain: dict[str, dict[str, int]] = {}
    for domain, pool, rows in counted.iter_rows():
        by_domain.setdefault(domain, {})[pool] = rows
    order = sorted(by_domain, key=lambda domain: (-sum(by_domain[domain].values()), domain))
    lines = [(domain, by_domain[domain]) for domain in order[:DOMAINS]]
    if rest := order[DOMAINS:]:
        summed = {pool: sum(by_domain[domain].get(pool, 0) for domain in rest) for pool in pools}
        lines.append((f"{len(rest)} smaller domains", summed))
    return [{"domain": domain, "pools": counts, "rows": sum(counts.values())} for domain, counts in lines]


def count_shared_rows(params: ReportParams, where: Tables) -> dict[str, int] | None:
    """Rows of the data set that share text with an evaluation set, by measure; None if there is no set."""
    sets = list(params.decontaminate.sets)
    if not sets:
        return None
    found = [
        tables.read(where.contamination / f"{name}.parquet", CONTAMINATION, ["row", "measure"])
        for name in sets
    ]
    hits = pl.concat(found).unique()
    is_hit = pl.col("id").is_in(hits["row"].unique().implode())
    chosen = tables.read(where.dataset, INSTRUCTIONS, ["id"], where=is_hit)
    hits = hits.join(chosen, left_on="row", right_on="id", how="semi")
    return dict(hits.group_by("measure").len().sort("measure").iter_rows())


def read_warnings(counts: Path) -> list[str]:
    """What the selection warns of. Raises BadInput naming the file that is not as it should be."""
    return list(read_json(counts / "select.json").get("warnings", []))


def hash_seeds(rounds: Path) -> str:
    """The beginning of the SHA-256 of all seed rows, a line of JSON each in the order of their ids."""
    found = hashlib.sha256()
    for part in tables.batches(rounds / f"{SEED_ROUND}.parquet", INSTRUCTIONS, rows=ROWS_AT_ONCE):
        found.update(part.write_ndjson().encode())
    return found.hexdigest()[:HASHED]


def export_links(formats: Sequence[str]) -> list[tuple[str, str]]:
    """Return each format with its path relative to the page."""
    return [
        (name, f"export/{DATASETS}/" if name == DATASETS else f"export/{FORMATS[name].file}")
        for name in formats
    ]


def stage_order(params: ReportParams) -> list[str]:
    """What DVC calls the stages of these params, in the order of the pipeline."""
    names: dict[str, Sequence[str]] = {
        "": [""],
        "rounds": list(params.rounds),
        "branches": list(params.branches),
        "pools": list(params.pools),
        "measures": list(params.measures),
        "bases": list(params.bases),
        "decontaminate.sets": list(params.decontaminate.sets),
        "evaluate.models": list(params.evaluate.models),
    }
    found = [stage_address(stage.name, name) for stage in STAGES for name in names.get(stage.per, [""])]
    return list(dict.fromkeys(found))
