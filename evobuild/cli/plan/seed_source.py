"""Measure seed data before a run: number of rows, mean length, share without an answer."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from evobuild.core.table_parts import part_files
from evobuild.seeds.formats import Format, read_seed_rows
from evobuild.seeds.params import Seed

CHARACTERS_A_TOKEN = 4
GUESSED_TEXT = 60
"""Tokens of an instruction if no data can be read yet: an assumption."""


class SeedSource(NamedTuple):
    """rows: None if the data are not fetched yet. text: mean tokens of an instruction with its input.

    unanswered: share of rows without an answer.
    """

    rows: int | None
    text: float = GUESSED_TEXT
    unanswered: float = 0.0


def read_source(given: Seed) -> SeedSource:
    """Measure the whole source file. Raises BadInput as the stage `seed` does."""
    path = Path(given.source)
    if not path.exists():
        return SeedSource(None)
    columns = tuple(sorted((given.columns or {}).items()))
    return _read_cached(path, given.format, columns, path.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _read_cached(
    path: Path, format: Format, columns: tuple[tuple[Any, str], ...], _changed: int
) -> SeedSource:
    """Measure a file, cached: a recipe plans many experiments on the same one."""
    rows = characters = unanswered = 0
    for row in read_seed_rows(path, format, dict(columns)):
        rows += 1
        characters += len(row.instruction) + len(row.input)
        unanswered += not row.output
    return SeedSource(rows, *_compute_means(rows, characters, unanswered))


def read_table(table: Path) -> SeedSource:
    """Measure the rows of r0."""
    found = (
        pl.scan_parquet(part_files(table))
        .select(
            rows=pl.len(),
            characters=(pl.col("instruction").str.len_chars() + pl.col("input").str.len_chars()).sum(),
            unanswered=(pl.col("output") == "").sum(),
        )
        .collect()
    )
    rows, characters, unanswered = found.row(0)
    return SeedSource(rows, *_compute_means(rows, characters or 0, unanswered or 0))


def _compute_means(rows: int, characters: int, unanswered: int) -> tuple[float, float]:
    return (characters / rows / CHARACTERS_A_TOKEN, unanswered / rows) if rows else (GUESSED_TEXT, 0.0)


def count_table_rows(table: Path) -> int:
    """Count the rows of a table of any schema."""
    return int(pl.scan_parquet(part_files(table)).select(pl.len()).collect().item())


def count_source_rows(path: Path) -> int | None:
    """Count the rows of a source file; None if it is not fetched yet."""
    return sum(1 for _ in read_seed_rows(path)) if path.exists() else None
