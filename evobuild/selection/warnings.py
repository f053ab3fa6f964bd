"""Warn about unexpected selections: earlier rounds ranked before later ones, or one dominant pool."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import polars as pl

from evobuild.core.instructions import SEED_ROUND
from evobuild.core.measures import RANDOM
from evobuild.selection.params import Select


def warn_reversed_rounds(rows: pl.DataFrame, select: Select, names: Sequence[str]) -> list[str]:
    """Warn if the mean of the ranking metric falls from each round to the next.

    rows: candidates with round, metric and worth. names: of the pools, in their order.
    Example: ["select.by ic_ifd prefers earlier rounds: its mean is 0.61 in r1, 0.52 in r2; …"]
    """
    if RANDOM in select.by:
        return []
    means = rows.filter(~pl.col("uncut")).group_by("round").agg(pl.col("metric", "worth").mean())
    by_name = {name: (metric, worth) for name, metric, worth in means.drop_nulls().iter_rows()}
    rounds = [name for name in names if name != SEED_ROUND and name[1:2].isdigit() and name in by_name]
    if len(rounds) < 2 or not all(by_name[b][1] < by_name[a][1] for a, b in pairwise(rounds)):
        return []
    shown = ", ".join(f"{by_name[name][0]:.4g} in {name}" for name in rounds)
    beside = "; select.per_pool takes a share of each round all the same" if select.per_pool else ""
    return [
        f"select.by {', '.join(select.by)} prefers earlier rounds: its mean is {shown}; "
        f"to prefer later ones, choose another metric or set select.weights{beside}"
    ]


def warn_dominant_pool(pools: Sequence[str], chosen: pl.Series) -> list[str]:
    """Warn if more than half of the selected rows are of one pool, where several have rows.

    pools: pools with rows. chosen: the pool of each selected row.
    """
    if chosen.is_empty() or len(pools) < 2:
        return []
    counted = chosen.value_counts(name="rows").sort("rows", chosen.name, descending=[True, False])
    pool, rows = counted.row(0)
    if 2 * rows <= len(chosen):
        return []
    return [
        f"{pool} gives {rows} of the {len(chosen)} selected rows, more than half; "
        "to mix rounds, set select.weights"
    ]
