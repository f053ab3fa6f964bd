"""Build the report's sections about measurements, by pool; only for enabled measures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
from markupsafe import Markup

from evobuild.core import tables
from evobuild.core.measures import Measure, all_measures, all_metrics, measure_of
from evobuild.core.stages import PoolRun
from evobuild.reporting import charts
from evobuild.reporting.measured_values import read_values
from evobuild.reporting.params import ReportParams
from evobuild.reporting.stage_counts import StageCounts
from evobuild.scoring import distributions
from evobuild.scoring.diversity import is_exact

DISTANCES = {"l2": "Euclidean (L2)", "squared": "squared Euclidean", "cosine": "1 − cosine"}
"""What each distance is called."""
TOLD_APART = ("rate", "score", "diversity", "tag")
"""Measures that the report tells of in words of their own; any other has a section like each other's."""


def measure_sections(params: ReportParams, folder: Path, counts: Mapping[str, StageCounts]) -> dict[str, Any]:
    """Values for the page: `diversity` and `tags`, each None if it is switched off, and `measures`, a list.

    folder: of the measures. counts: by stage and pool.

    Raises BadInput if a table is missing or not as it should be.
    """
    others = [measure for measure in all_measures() if measure.stage not in TOLD_APART]
    sections = [_section(params, measure, folder, counts) for measure in others]
    return {
        "diversity": _diversity(params, folder, counts) if params.models.embedder else None,
        "tags": _tags(params, folder, counts) if params.models.tagger else None,
        "measures": [section for section in sections if section],
    }


def _section(
    params: ReportParams, measure: Measure, folder: Path, counts: Mapping[str, StageCounts]
) -> dict[str, Any] | None:
    """Build the section of any measure: the distribution of each of its columns. None if it is disabled."""
    lines = {pool: counts[_label(measure, pool)] for pool in params.pools}
    is_off = not measure.name and getattr(params.models, measure.switch.removeprefix("models."), "") is None
    if is_off or all(each.off for each in lines.values()):
        return None
    spread = []
    for name, metric in all_metrics().items():
        if metric.column in measure.renamed.values():
            values = _values(params, folder, measure, metric.expression)
            spread.append({"name": metric.label or name, "lines": _lines(measure, values, counts),
                           "chart": _chart(values, metric.label or name)})  # fmt: skip
    meanings = {column.name: column.meaning for column in measure.columns}
    return {
        "stage": measure.stage,
        "switch": measure.switch,
        "name": measure.name,
        "meanings": meanings,
        "spread": spread,
    }


def _diversity(params: ReportParams, folder: Path, counts: Mapping[str, StageCounts]) -> dict[str, Any]:
    measure = measure_of("diversity")
    values = _values(params, folder, measure, all_metrics()["diversity"].expression)
    lines = _lines(measure, values, counts)
    for line in lines:
        rows = values[line["pool"]]
        line["copies"] = int((rows == 0).sum())
        line["exact"] = is_exact(len(rows), params.diversity)
    title = f"distance to the nearest other instruction, {DISTANCES[params.diversity.distance]}"
    return {"lines": lines, "distance": DISTANCES[params.diversity.distance], "chart": _chart(values, title)}


def _tags(params: ReportParams, folder: Path, counts: Mapping[str, StageCounts]) -> dict[str, Any]:
    measure = measure_of("tag")
    measured = {
        pool: tables.read(folder / measure.folder / f"{pool}.parquet", measure.schema, ["tags"])
        for pool in params.pools
    }
    figures = distributions.tag_metrics(measured, None)
    names = ("complexity", "diversity", "unique")
    lines = [
        {"pool": pool, "counts": counts[f"tag-{pool}"]} | {name: figures[name][pool] for name in names}
        for pool in measured
    ]
    numbers = {pool: rows["tags"].list.len().cast(pl.Float64) for pool, rows in measured.items()}
    return {"lines": lines, "chart": _chart(numbers, "tags of an instruction")}


def _values(params: ReportParams, folder: Path, measure: Measure, of: pl.Expr) -> dict[str, pl.Series]:
    """One figure of all rows of each pool. of: the figure, of columns as they are called everywhere."""
    return {pool: read_values(folder / measure.folder, pool, measure, of) for pool in params.pools}


def _label(measure: Measure, pool: str) -> str:
    return PoolRun(measure.stage, measure.name, pool).label


def _lines(
    measure: Measure, values: Mapping[str, pl.Series], counts: Mapping[str, StageCounts]
) -> list[dict[str, Any]]:
    figures = distributions.distribution_metrics(values)
    return [
        {"pool": pool, "counts": counts[_label(measure, pool)]}
        | {name: figures[name][pool] for name in ("mean", "median")}
        for pool in values
    ]


def _chart(values: Mapping[str, pl.Series], title: str) -> Markup:
    drawn = {pool: own for pool, own in values.items() if len(own)}
    return charts.spread(drawn, title) if drawn else Markup()
