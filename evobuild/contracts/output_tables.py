"""The tables that `validate_outputs` validates: replies to benchmarks, comparisons, exports, row balances."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from evobuild.contracts.balance import BALANCED_LATER, Flow, balance_stages, balance_table
from evobuild.contracts.expectations import Table
from evobuild.contracts.exports import exports_table
from evobuild.contracts.output_params import OutputParams
from evobuild.contracts.shares import reject_shares
from evobuild.core import tables
from evobuild.core.evaluation_tables import COMPARISONS, EVALUATION
from evobuild.core.instructions import INSTRUCTIONS


class Sources(NamedTuple):
    """Paths of outputs. later: has `counts` and `rejects` of the stages after `select`."""

    evaluations: Path
    comparisons: Path
    exports: Path
    dataset: Path
    later: Path


def output_tables(params: OutputParams, sources: Sources) -> tuple[list[Table], dict[str, Any]]:
    """Every table that is held, and what suites reach by {"$PARAMETER": name}."""
    models, evaluations = list(params.evaluate.models), _evaluations(params, sources)
    names = {"bases": list(params.bases), "evaluate.models": models}
    flows = {"export": Flow(came=tables.scan(sources.dataset, INSTRUCTIONS))}
    folders = sources.later / "counts", sources.later / "rejects"
    unpaired = sources.later / "rejects" / "export.parquet"
    exported = exports_table(params.export.formats, sources.exports, sources.dataset, unpaired)
    balances, lost = balance_stages(BALANCED_LATER, names, *folders, flows)
    off, compared = "" if models else "evaluate.models", "" if params.compare.pairs else "compare.pairs"
    found = [
        Table("evaluation", evaluations, off),
        Table("comparisons", _comparisons(sources, evaluations), compared),
        Table("exports", exported.lazy()),
        Table("balance", balance_table(balances).lazy()),
        Table("rejects", reject_shares(lost).lazy()),
    ]
    known = {"models": models, "benchmarks": list(params.evaluate.benchmarks)}
    return found, {**params.contracts.thresholds, **known}


def _evaluations(params: OutputParams, sources: Sources) -> pl.LazyFrame:
    """Read the replies of all models, with texts as lengths. table: the model whose table has the reply."""
    found = [
        tables.scan(sources.evaluations / f"{name}.parquet", EVALUATION).with_columns(table=pl.lit(name))
        for name in params.evaluate.models
    ]
    rows = pl.concat(found) if found else EVALUATION.to_frame().lazy().with_columns(table=pl.lit(""))
    lengths = {
        f"{name}_characters": pl.col(name).str.len_chars().cast(pl.Int64)
        for name in ("prompt", "reply", "judgment")
    }
    return rows.select("id", "table", "model", "benchmark", "item", "group", "part", "score", **lengths)


def _comparisons(sources: Sources, evaluations: pl.LazyFrame) -> pl.LazyFrame:
    """The pairs that a judge saw, and whether both models answered that item."""
    rows = tables.scan(sources.comparisons, COMPARISONS)
    rows = rows.select("id", "benchmark", "item", "part", "a", "b", "verdict", "consistent")
    for side in ("a", "b"):
        rows = rows.join(_scan_answered(evaluations, side), on=[side, "benchmark", "item"], how="left")
    both = pl.col("a_answered") & pl.col("b_answered")
    rows = rows.with_columns(both_answered=both.fill_null(value=False), is_of_two=pl.col("a") != pl.col("b"))
    return rows.drop("a_answered", "b_answered")


def _scan_answered(evaluations: pl.LazyFrame, side: str) -> pl.LazyFrame:
    keys = evaluations.select(pl.col("model").alias(side), "benchmark", "item").unique()
    return keys.with_columns(pl.lit(value=True).alias(f"{side}_answered"))
