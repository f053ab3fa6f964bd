"""Build the tables of pools for validation: all pools in one flat table, with facts across tables.

Texts are replaced by their lengths, so that a million rows fit into memory. Every table has `id`, and those
of pools have `pool`; docs/contracts.md lists all columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from evobuild.contracts.expectations import Table
from evobuild.contracts.hashed_ids import hash_columns
from evobuild.contracts.languages import detect_languages
from evobuild.contracts.line_params import ValidateParams
from evobuild.core import tables
from evobuild.core.evaluation_tables import CONTAMINATION
from evobuild.core.instructions import INSTRUCTIONS, PREFERENCES
from evobuild.core.measures import DECLARED_STAGE, Measure, all_measures
from evobuild.selection.candidate_rows import measured_columns

_LENGTHS = ("instruction", "input", "output", "reasoning")
_KEY = "key"
_OF_ROWS = ("id", "content_id", "seed_id", "parent_id", "round", "domain", "strategy", "operation", "evolver",
            "responder", "seed_place")  # fmt: skip


class Sources(NamedTuple):
    """Paths of the tables: folders with one table per pool; contamination has one per evaluation set.

    measures: a folder of each measure.
    """

    rounds: Path
    responses: Path
    measures: Path
    contamination: Path
    preferences: Path
    dataset: Path
    counts: Path
    rejects: Path


def pool_tables(params: ValidateParams, sources: Sources, languages: pl.DataFrame) -> list[Table]:
    """Every table up to the data set. languages: of rows of rounds, by id."""
    every, pools = params.round_names, list(params.pools)
    rounds, responses = scan_pools(sources.rounds, every), scan_pools(sources.responses, pools)
    measured = [_scan_measure(measure, params, sources, rounds, responses) for measure in all_measures()]
    return [
        Table("rounds", _rounds(rounds, languages)),
        Table(
            "responses",
            _add_is_known(_flatten(responses), "instruction_known", _hash_keys(rounds, "id"), "id"),
        ),
        *measured,
        Table("contamination", _contamination(params, sources, responses)),
        _preferences(params, sources),
        Table("dataset", _dataset(params, sources, responses)),
    ]


def scan_pools(folder: Path, names: Sequence[str], schema: pl.Schema = INSTRUCTIONS) -> pl.LazyFrame:
    """The tables of some pools as one, not read yet, each row with its `pool`."""
    found = [
        tables.scan(folder / f"{name}.parquet", schema, list(schema)).with_columns(pool=pl.lit(name))
        for name in names
    ]
    return pl.concat(found) if found else schema.to_frame().lazy().with_columns(pool=pl.lit(""))


def _flatten(rows: pl.LazyFrame, **beside: pl.Expr) -> pl.LazyFrame:
    """An instruction table with its texts as lengths in characters, and its history as a number of turns.

    beside: more columns.
    """
    return rows.select(
        pl.col("pool"),
        *_OF_ROWS,
        turns=pl.col("history").list.len().cast(pl.Int64),
        **{f"{name}_characters": pl.col(name).str.len_chars().cast(pl.Int64) for name in _LENGTHS},
        **beside,
    )


def _hash_keys(rows: pl.LazyFrame, *columns: str) -> pl.LazyFrame:
    """Return the distinct ids of a table, hashed."""
    return rows.select(hash_columns(*columns).alias(_KEY)).unique()


def _add_is_known(rows: pl.LazyFrame, name: str, among: pl.LazyFrame, *columns: str) -> pl.LazyFrame:
    """Add whether columns together are among keys that `_keys` gave."""
    there = among.with_columns(pl.lit(value=True).alias(name))
    found = rows.with_columns(hash_columns(*columns).alias(_KEY)).join(there, on=_KEY, how="left").drop(_KEY)
    return found.with_columns(pl.col(name).fill_null(value=False))


def _rounds(rounds: pl.LazyFrame, languages: pl.DataFrame) -> pl.LazyFrame:
    """Each row with whether its parent and its seed row are there, and in which language drawn ones are."""
    ids = _hash_keys(rounds, "id")
    rows = _add_is_known(
        _add_is_known(_flatten(rounds), "parent_known", ids, "parent_id"), "seed_known", ids, "seed_id"
    )
    is_first = (pl.col("parent_id") == "") & (pl.col("seed_id") == pl.col("id"))
    rows = rows.with_columns(parent_known=pl.col("parent_known") | is_first)
    return rows.join(languages.lazy(), on="id", how="left")


def _scan_measure(
    measure: Measure, params: ValidateParams, sources: Sources, rounds: pl.LazyFrame, responses: pl.LazyFrame
) -> Table:
    """What a measure gave, by the names that its columns have elsewhere, and whether it is of a known row."""
    rows = scan_pools(sources.measures / measure.folder, list(params.pools), measure.schema)
    lists = [name for name, kind in measure.schema.items() if isinstance(kind, pl.List)]
    counted = [pl.col(name).list.len().cast(pl.Int64).alias(name) for name in lists]
    among = responses if measure.stage in ("score", DECLARED_STAGE) else rounds
    rows = _add_is_known(
        rows.with_columns(*counted).rename(measure.renamed), "row_known", _hash_keys(among, "id"), "id"
    )
    if measure.stage == "diversity":
        rows = _add_is_known(rows, "neighbour_known", _hash_keys(rounds, "id"), "neighbour")
        rows = rows.with_columns(is_own_neighbour=pl.col("neighbour") == pl.col("id"))
    return Table(measure.folder, rows, "" if params.is_measured(measure) else measure.switch)


def _contamination(params: ValidateParams, sources: Sources, responses: pl.LazyFrame) -> pl.LazyFrame:
    """The hits of all evaluation sets, each with whether its row is known, and how much is shared."""
    hits = [
        tables.scan(sources.contamination / f"{name}.parquet", CONTAMINATION)
        for name in params.decontaminate.sets
    ]
    length = pl.col("overlap").str.len_chars().cast(pl.Int64)
    rows = pl.concat(hits).select("id", "row", "pool", "set", "measure", overlap_characters=length)
    return _add_is_known(rows, "row_known", _hash_keys(responses, "id"), "row")


def _preferences(params: ValidateParams, sources: Sources) -> Table:
    """The pairs of answers of the branches."""
    names = list(params.branches)
    rows = scan_pools(sources.preferences, names, PREFERENCES)
    length = pl.col("rejected").str.len_chars().cast(pl.Int64)
    beside = {"is_other": pl.col("output") != pl.col("rejected"), "rejected_characters": length}
    ids = _hash_keys(scan_pools(sources.rounds, names), "id")
    known = _add_is_known(_flatten(rows, **beside), "row_known", ids, "id")
    return Table("preferences", known, "" if params.branches else "branches")


def _dataset(params: ValidateParams, sources: Sources, responses: pl.LazyFrame) -> pl.LazyFrame:
    """The rows of the data set with all that was measured of them, and facts of other tables."""
    schema = pl.Schema({**INSTRUCTIONS, **measured_columns()})
    whole = tables.scan(sources.dataset, schema).with_columns(pool=pl.col("round"))
    lists = [name for name in measured_columns() if isinstance(schema[name], pl.List)]
    figures = {name: pl.col(name) for name in measured_columns()}
    figures |= {name: pl.col(name).list.len().cast(pl.Int64) for name in lists}
    contents = whole.group_by(hash_columns("content_id").alias(_KEY)).agg(count=pl.len())
    # Read by itself, for Polars would keep all of a table in memory that it reads once and needs twice.
    repeated = tables.collect(sources.dataset, contents.filter(pl.col("count") > 1).select(_KEY)).lazy()
    hits = _contamination(params, sources, responses)
    lost = hits.filter(pl.col("measure").is_in(params.select.contamination))
    rows = _add_is_known(_flatten(whole, **figures), "is_repeated", repeated, "content_id")
    rows = _add_is_known(rows, "answer_known", _hash_keys(responses, "id", "content_id"), "id", "content_id")
    rows = _add_is_known(rows, "is_contaminated", _hash_keys(lost, "row"), "id")
    return rows.join(detect_languages(whole, params.contracts.language_rows).lazy(), on="id", how="left")
