"""What the report says of diversity, reward and tags: figures of each pool, of what was measured only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
from markupsafe import Markup

from evobuild.core import tables
from evobuild.core.params import Params
from evobuild.core.tables import DIVERSITY, REWARDS, TAGS
from evobuild.reporting import charts
from evobuild.reporting.stage_counts import Ledger
from evobuild.scoring import distributions
from evobuild.scoring import tag as tagging
from evobuild.scoring.diversity import is_exact

DISTANCES = {"l2": "Euclidean (L2)", "squared": "squared Euclidean", "cosine": "1 − cosine"}
"""What each distance is called."""


class Sources(NamedTuple):
    """Folders with one table a pool."""

    diversity: Path = Path("data/diversity")
    rewards: Path = Path("data/rewards")
    tags: Path = Path("data/tags")


def sections(params: Params, where: Sources, found: Mapping[str, Ledger]) -> dict[str, Any]:
    """Values for the page: `diversity`, `reward` and `tags`, each None if it is switched off.

    found: ledgers by stage and pool. Raises BadInput if a table is missing or not as it should be.
    """
    models = params.models
    return {
        "diversity": _diversity(params, where, found) if models.embedder else None,
        "reward": _reward(params, where, found) if models.reward else None,
        "tags": _tags(params, where, found) if models.tagger else None,
    }


def _diversity(params: Params, where: Sources, found: Mapping[str, Ledger]) -> dict[str, Any]:
    values = _values(params, where.diversity, DIVERSITY, "distance")
    lines = _lines("diversity", values, found)
    for line in lines:
        rows = values[line["pool"]]
        line["copies"] = int((rows == 0).sum())
        line["exact"] = is_exact(len(rows), params.diversity)
    title = f"distance to the nearest other instruction, {DISTANCES[params.diversity.distance]}"
    return {"lines": lines, "distance": DISTANCES[params.diversity.distance], "chart": _chart(values, title)}


def _reward(params: Params, where: Sources, found: Mapping[str, Ledger]) -> dict[str, Any]:
    values = _values(params, where.rewards, REWARDS, "reward")
    return {"lines": _lines("reward", values, found), "chart": _chart(values, "reward")}


def _tags(params: Params, where: Sources, found: Mapping[str, Ledger]) -> dict[str, Any]:
    measured = _tables(params, where.tags, TAGS)
    figures = tagging.tag_figures(measured, None)
    names = ("complexity", "diversity", "unique")
    lines = [
        {"pool": pool, "ledger": found[f"tag-{pool}"]} | {name: figures[name][pool] for name in names}
        for pool in measured
    ]
    numbers = {pool: rows["tags"].list.len().cast(pl.Float64) for pool, rows in measured.items()}
    return {"lines": lines, "chart": _chart(numbers, "tags of an instruction")}


def _tables(params: Params, folder: Path, schema: pl.Schema) -> dict[str, pl.DataFrame]:
    return {pool: tables.read(folder / f"{pool}.parquet", schema) for pool in params.pools}


def _values(params: Params, folder: Path, schema: pl.Schema, column: str) -> dict[str, pl.Series]:
    return {pool: rows[column] for pool, rows in _tables(params, folder, schema).items()}


def _lines(stage: str, values: Mapping[str, pl.Series], found: Mapping[str, Ledger]) -> list[dict[str, Any]]:
    figures = distributions.distribution_figures(values)
    return [
        {"pool": pool, "ledger": found[f"{stage}-{pool}"]}
        | {name: figures[name][pool] for name in ("mean", "median")}
        for pool in values
    ]


def _chart(values: Mapping[str, pl.Series], title: str) -> Markup:
    drawn = {pool: own for pool, own in values.items() if len(own)}
    return charts.spread(drawn, title) if drawn else Markup()
