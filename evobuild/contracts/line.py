"""What the stage `validate` holds: the tables up to the data set, and what they say of one another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from evobuild.contracts import drift
from evobuild.contracts.balance import BALANCED, Flow, balance_stages, balance_table
from evobuild.contracts.expectations import Table
from evobuild.contracts.languages import detect_languages
from evobuild.contracts.line_params import ValidateParams
from evobuild.contracts.pool_tables import Sources, pool_tables, scan_pools
from evobuild.contracts.shares import pool_shares, reject_shares
from evobuild.core import tables
from evobuild.core.instructions import INSTRUCTIONS, SEED_ROUND
from evobuild.core.measures import DECLARED_STAGE, all_measures, measure_of


def line_tables(
    params: ValidateParams, sources: Sources, earlier: Path | None
) -> tuple[list[Table], dict[str, Any]]:
    """Every table that is held, and what suites reach by {"$PARAMETER": name}.

    earlier: an earlier version of the data set, None for none.

    Raises BadInput naming a table that is not as it should be.
    """
    languages = detect_languages(
        scan_pools(sources.rounds, params.round_names), params.contracts.language_rows
    )
    found = pool_tables(params, sources, languages)
    flows = _flows(params, sources)
    balances, lost = balance_stages(BALANCED, _names(params), sources.counts, sources.rejects, flows)
    moved = drift.drift_table(sources.dataset, earlier) if earlier else drift.empty_drift_table()
    found += [
        Table("pools", _pools(params, sources).lazy()),
        Table("balance", balance_table(balances).lazy()),
        Table("rejects", reject_shares(lost).lazy()),
        Table("drift", moved.lazy(), "" if earlier else "contracts.against"),
    ]
    return found, _parameters(params, sources, languages)


def _parameters(params: ValidateParams, sources: Sources, languages: pl.DataFrame) -> dict[str, Any]:
    """The thresholds of params, and names that are known."""
    given = params.contracts
    seeds = tables.read(sources.rounds / f"{SEED_ROUND}.parquet", INSTRUCTIONS, ["id"])
    of_seeds = languages.join(seeds, on="id", how="semi")["language"].drop_nulls().unique().sort().to_list()
    names = {
        "languages": given.languages or of_seeds,
        "rounds": params.round_names,
        "pools": list(params.pools),
        "sets": list(params.decontaminate.sets),
    }
    return {**given.thresholds, **names}


def _names(params: ValidateParams) -> dict[str, list[str]]:
    return {
        "rounds": list(params.rounds),
        "branches": list(params.branches),
        "pools": list(params.pools),
        "measures": list(params.measures),
    }


def _flows(params: ValidateParams, sources: Sources) -> dict[str, Flow]:
    """What tables tell of the rows of each stage, by the stem of its files."""
    rounds = {name: scan_pools(sources.rounds, [name]) for name in params.round_names}
    responses = {name: scan_pools(sources.responses, [name]) for name in params.pools}
    flows = {f"evolve-{name}": Flow(left=rounds[name]) for name in params.rounds}
    for name in params.pools:
        ratings = scan_pools(sources.measures / "ratings", [name], measure_of("rate").schema)
        flows[f"respond-{name}"] = Flow(rounds[name], responses[name], by_ids=True)
        flows[f"rate-{name}"] = Flow(rounds[name], ratings, by_ids=True)
    pools = list(params.pools)
    scores, distances = (
        scan_pools(sources.measures / measure.folder, pools, measure.schema)
        for measure in (measure_of("score"), measure_of("diversity"))
    )
    chosen = [rounds[name] for name in params.select.list_pools(params.pools)]
    for measure in all_measures():
        if measure.stage == DECLARED_STAGE and not params.measures[measure.name].rows:
            values = scan_pools(sources.measures / measure.folder, pools, measure.schema)
            flows[f"measure-{measure.name}"] = Flow(pl.concat(responses.values()), values, by_ids=True)
    return flows | {
        "score": Flow(pl.concat(responses.values()), scores, by_ids=True),
        "diversity": Flow(pl.concat(rounds[name] for name in pools), distances, by_ids=True),
        "select": Flow(pl.concat(chosen), tables.scan(sources.dataset, INSTRUCTIONS), by_ids=True),
    }


def _pools(params: ValidateParams, sources: Sources) -> pl.DataFrame:
    """Rows of each pool, as made, answered and chosen."""

    def heights(rows: pl.LazyFrame, by: str) -> dict[str, int]:
        counted = tables.collect(Path(by), rows.group_by(by).agg(pl.len()))
        return dict(counted.iter_rows())

    return pool_shares(
        params.pools,
        heights(scan_pools(sources.rounds, params.round_names), "pool"),
        heights(scan_pools(sources.responses, list(params.pools)), "pool"),
        heights(tables.scan(sources.dataset, INSTRUCTIONS), "round"),
    )
