"""How far the data set has moved from an earlier version, column by column.

The population stability index: the sum over bins of (p - q) · ln(p / q), where q is the share of the earlier
rows in a bin, and p of these. Figures fall into the tenths of the earlier version, texts into their values;
null is a bin of its own. Half a row is added to each bin, so that an empty one gives no infinity. Below 0.1
is taken for no change, from 0.25 on for a large one; of N and M rows in B bins chance alone gives about
(B - 1)(1/N + 1/M).
"""

from __future__ import annotations

import math
from pathlib import Path

import polars as pl

from evobuild.core import tables
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.core.measures import all_columns

BINS = 10


def _numeric_columns() -> tuple[str, ...]:
    return tuple(name for name, own in all_columns().items() if own.kind == pl.Float64 and own.in_dataset)


_TEXTS = ("round", "domain", "level")
_LENGTHS = ("instruction", "output")
_SCHEMA = pl.Schema(
    {
        "id": pl.String(),
        "psi": pl.Float64(),
        "chance": pl.Float64(),
        "rows": pl.Int64(),
        "earlier_rows": pl.Int64(),
    }
)


def drift_table(rows: Path, earlier: Path) -> pl.DataFrame:
    """The index of each column of which both have values. id: the column; chance: what it alone gives."""
    now, before = _scan_compared_columns(rows), _scan_compared_columns(earlier)
    found = []
    for name in now.columns:
        if name not in before.columns or now[name].dtype != before[name].dtype:
            continue
        if now[name].null_count() == now.height and before[name].null_count() == before.height:
            continue
        index, bins = stability_index(now[name], before[name])
        chance = (bins - 1) * (1 / now.height + 1 / before.height) if now.height and before.height else None
        found.append((name, index, chance, now.height, before.height))
    return pl.DataFrame(found, _SCHEMA, orient="row")


def empty_drift_table() -> pl.DataFrame:
    """The table without an earlier version."""
    return _SCHEMA.to_frame()


def stability_index(now: pl.Series, before: pl.Series) -> tuple[float, int]:
    """The population stability index of a column, and over how many bins."""
    if now.dtype.is_numeric():
        edges = [before.quantile(place / BINS) for place in range(1, BINS)]
        cuts = pl.Series(sorted({edge for edge in edges if edge is not None}), dtype=pl.Float64)
        now, before = _bins(now, cuts), _bins(before, cuts)
    counts = [dict(own.value_counts().iter_rows()) for own in (now, before)]
    bins = sorted(set(counts[0]) | set(counts[1]), key=str)
    total = 0.0
    for each in bins:
        share, earlier = (
            (own.get(each, 0) + 0.5) / (size + 0.5 * len(bins))
            for own, size in zip(counts, (len(now), len(before)), strict=True)
        )
        total += (share - earlier) * math.log(share / earlier)
    return total, len(bins)


def _bins(values: pl.Series, cuts: pl.Series) -> pl.Series:
    """The number of the bin that each value is in; an edge is the last value of its bin."""
    places = cuts.search_sorted(values.cast(pl.Float64).fill_null(0.0), side="left")
    return pl.select(pl.when(values.is_not_null()).then(places)).to_series()


def _scan_compared_columns(path: Path) -> pl.DataFrame:
    """What of a data set is compared; texts as their lengths."""
    rows = tables.scan(path, INSTRUCTIONS)
    there = set(rows.collect_schema())
    lengths = {f"{name}_characters": pl.col(name).str.len_chars().cast(pl.Int64) for name in _LENGTHS}
    kept = [name for name in (*_TEXTS, *_numeric_columns()) if name in there]
    return tables.collect(path, rows.select(*kept, **lengths))
