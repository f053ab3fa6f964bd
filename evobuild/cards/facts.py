"""Count the facts of a dataset's card from its table, with one column at a time in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from evobuild.core import tables
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.export.export import has_extra
from evobuild.text.language import detect_language

LANGUAGE_ROWS = 1000
"""Rows whose language is detected: the first by id. Ids are hashes, so these are a random sample."""
LEVELS = range(0, 101, 5)
"""Edges of the histogram of difficulty."""
LENGTHS = (0, *(1 << power for power in range(4, 18)))
"""Edges of that of lengths, in characters; the last bin has all beyond."""
_TEXTS = ("instruction", "input", "output")
_SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"),
          (10**7, "1M<n<10M"), (10**8, "10M<n<100M"), (10**9, "100M<n<1B"))  # fmt: skip


class Facts(NamedTuple):
    """rounds, domains: rows by name. columns: their types. has_extra: whether any row has other columns of
    its source. lengths: of each text the median and the 95th percentile, in characters. length_bins,
    difficulty_bins: rows by bin, the second () where nothing is rated. languages: rows of a draw by code;
    told: the rows of the draw. writers: URIs of the models that wrote instructions, and of those that wrote
    outputs, with rows.
    """

    rows: int
    rounds: dict[str, int]
    domains: dict[str, int]
    columns: dict[str, pl.DataType]
    has_extra: bool
    lengths: dict[str, tuple[int, int]]
    length_bins: dict[str, list[int]]
    difficulty_bins: list[int]
    languages: dict[str, int]
    told: int
    writers: dict[str, dict[str, int]]

    @property
    def size_category(self) -> str:
        """The size as the hub has it."""
        return next((name for limit, name in _SIZES if self.rows < limit), "n>1T")


def read_facts(dataset: Path) -> Facts:
    """Count what a card says. Raises BadInput if the table is not as it should be."""
    rows = tables.scan(dataset, INSTRUCTIONS)
    columns = dict(rows.collect_schema())
    lengths = tables.collect(dataset, rows.select(pl.col(name).str.len_chars() for name in _TEXTS))
    some = tables.collect(dataset, rows.select("instruction").head(LANGUAGE_ROWS))
    languages = Counter(detect_language(text) or "" for text in some["instruction"])
    told = {code: count for code, count in languages.most_common() if code}
    return Facts(
        rows=lengths.height,
        rounds=_count_values(dataset, rows, "round"),
        domains=_count_values(dataset, rows, "domain"),
        columns=columns,
        has_extra=has_extra(dataset),
        lengths={name: _quantiles(lengths[name]) for name in _TEXTS},
        length_bins={name: _bins(lengths[name], LENGTHS) for name in ("instruction", "output")},
        difficulty_bins=_difficulty(dataset, rows) if "difficulty" in columns else [],
        languages=told,
        told=some.height,
        writers={name: _count_values(dataset, rows, name) for name in ("evolver", "responder")},
    )


def _count_values(dataset: Path, rows: pl.LazyFrame, column: str) -> dict[str, int]:
    found = tables.collect(dataset, rows.group_by(column).len().sort("len", column, descending=[True, False]))
    return {str(name): count for name, count in found.iter_rows()}


def _quantiles(lengths: pl.Series) -> tuple[int, int]:
    if lengths.is_empty():
        return 0, 0
    return tuple(int(lengths.quantile(share, "nearest") or 0) for share in (0.5, 0.95))  # type: ignore[return-value]


def _difficulty(dataset: Path, rows: pl.LazyFrame) -> list[int]:
    rated = tables.collect(dataset, rows.select("difficulty"))["difficulty"].drop_nulls()
    return _bins(rated, LEVELS) if rated.len() else []


def _bins(values: pl.Series, edges: Sequence[int]) -> list[int]:
    """Count values by bin, each from its edge to the next; the last has the last edge and all beyond."""
    counts, _ = np.histogram(values.to_numpy(), [*edges[:-1], np.inf])
    found: list[int] = counts.tolist()
    return found
