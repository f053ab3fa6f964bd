"""Scan the evolver's raw replies, round by round: those that became children, and those that failed."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from evobuild.core import tables
from evobuild.core.evolution_tables import FAILURES, REPLIES
from evobuild.core.instructions import INSTRUCTIONS, KEPT


def scan_evolver_replies(name: str, *, replies: Path, rounds: Path) -> pl.LazyFrame:
    """Scan the replies of a round lazily: REPLIES, plus `evolver` and `seed_place`.

    name: of the round, such as r1. replies, rounds: folders with one table per round.

    Raises BadInput if a table is missing, not a Parquet file, or lacks a column.
    """
    children = tables.scan(rounds / f"{name}.parquet", INSTRUCTIONS).select("id", "evolver", "seed_place")
    return tables.scan(replies / f"{name}.parquet", REPLIES).join(children, on="id")


def scan_first_replies(name: str, *, replies: Path, failures: Path) -> pl.LazyFrame:
    """Scan the reply to the first attempt at each row, failed or not: its column `top_probability`.

    failures: folder with one table per round. Other arguments and errors: see `scan_evolver_replies`.
    """
    came = tables.scan(replies / f"{name}.parquet", REPLIES)
    failed = tables.scan(failures / f"{name}.parquet", FAILURES)
    return pl.concat(own.filter(attempt=0).select("top_probability") for own in (came, failed))


def find_round_evolver(name: str, rounds: Path) -> str:
    """Return the evolver of a round, from its children; '' if all are kept parents. Raises BadInput."""
    children = tables.scan(rounds / f"{name}.parquet", INSTRUCTIONS).filter(pl.col("operation") != KEPT)
    found = children.select("evolver").head(1).collect()["evolver"]
    return str(found[0]) if found.len() else ""
