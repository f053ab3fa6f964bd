"""The evolver's raw replies, round by round: those that became children, and those that failed."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from evobuild.core.errors import BadInput
from evobuild.core.tables import FAILURES, INSTRUCTIONS, KEPT, REPLIES


def scan_evolver_replies(name: str, *, replies: Path, rounds: Path) -> pl.LazyFrame:
    """Give the replies of a round to be read as needed: REPLIES, with `evolver` and `seed_place` beside.

    name: of the round, such as r1. replies, rounds: folders with a table of each round.

    Raises BadInput if a table is missing, is no Parquet file, or lacks a column.
    """
    children = _scan(rounds / f"{name}.parquet", INSTRUCTIONS).select("id", "evolver", "seed_place")
    return _scan(replies / f"{name}.parquet", REPLIES).join(children, on="id")


def scan_first_replies(name: str, *, replies: Path, failures: Path) -> pl.LazyFrame:
    """Give the reply to the first attempt at each row, failed or not: its column `top_probability`.

    name, replies: as above. failures: folder with a table of each round. Raises BadInput as above.
    """
    tables = _scan(replies / f"{name}.parquet", REPLIES), _scan(failures / f"{name}.parquet", FAILURES)
    return pl.concat(own.filter(attempt=0).select("top_probability") for own in tables)


def round_evolver(name: str, rounds: Path) -> str:
    """The evolver of a round, by its children; '' if it has none but kept parents. Raises BadInput."""
    children = _scan(rounds / f"{name}.parquet", INSTRUCTIONS).filter(pl.col("operation") != KEPT)
    found = children.select("evolver").head(1).collect()["evolver"]
    return str(found[0]) if found.len() else ""


def _scan(path: Path, schema: pl.Schema) -> pl.LazyFrame:
    try:
        rows = pl.scan_parquet(path, glob=False)
        found = rows.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise BadInput(f"{path}: not a readable Parquet table: {str(error).splitlines()[0]}") from error
    if wrong := [name for name, kind in schema.items() if found.get(name) != kind]:
        raise BadInput(f"{path}: expected a column '{wrong[0]}' of {schema[wrong[0]]}; found {found}")
    return rows
