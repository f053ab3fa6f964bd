"""Detect the languages of sampled rows: detecting all would take longer than all other validation."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from evobuild.core import tables
from evobuild.text.language import detect_language

_SCHEMA = pl.Schema({"id": pl.String(), "language": pl.String()})


def detect_languages(rows: pl.LazyFrame, count: int) -> pl.DataFrame:
    """Detect the languages of `count` instructions of each pool; null if undetected.

    Rows are drawn by their ids, which are hashes: a row more moves one other at the most.

    Returns id, language.
    """
    ids = tables.collect(Path("rows"), rows.select("pool", "id"))
    drawn = ids.group_by("pool").agg(pl.col("id").bottom_k(count)).explode("id").drop_nulls("id")
    found = tables.collect(
        Path("rows"), rows.select("id", "instruction").join(drawn.lazy(), on="id", how="semi")
    )
    told = {row: detect_language(text) for row, text in found.unique("id").iter_rows()}
    return pl.DataFrame({"id": list(told), "language": list(told.values())}, schema=_SCHEMA)
