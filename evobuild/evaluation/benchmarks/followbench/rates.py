"""Compute the metrics of FollowBench, by level and family, and those that the authors' code prints.

hsr     hard satisfaction rate: the share of replies that satisfy every constraint of their level ssr     soft
satisfaction rate: the mean share of constraints that a reply satisfies csl     consistent satisfaction
levels: number of consecutive levels, from 1, that an example's replies satisfy unread  the share of the
judge's replies that cannot be parsed

`hsr/3` covers a level, `hsr/style` a family, `hsr/style/3` both. A metric over several families and levels is
their unweighted mean, as in the paper's tables. Unknown replies are left out.

`official/…` is what the repository's code prints: there an unknown reply counts -1 in rates, and ends a run
of satisfied levels. `official/hsr` and `official/ssr` follow its aggregator.py: level n has weight n, and the
family `example` is excluded.

Units are examples, because their levels are correlated.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from evobuild.evaluation.benchmark import check_value_expr
from evobuild.evaluation.benchmarks.followbench.items import FAMILIES, LEVELS

SOFT = "soft"
"""The check with the share of satisfied constraints."""
RULE = "rule"
"""The check of a rule's verdict."""
RATES = ("hsr", "ssr")
UNREAD = -1.0
"""Value of an unparsable judge reply in the repository's code."""

Figures = dict[str, pl.DataFrame]


def compute_rates(rows: pl.DataFrame) -> Figures:
    """Compute all metrics. rows: EVALUATION rows whose items are named `<family>/<example>/<level>`."""
    table = rows.select(
        unit=pl.col("item").str.replace(r"/[^/]*$", ""),
        family="group",
        level=pl.col("item").str.extract(r"/([^/]*)$").cast(pl.Int64),
        hsr="score",
        ssr=check_value_expr(SOFT).cast(pl.Float64),
        judged=check_value_expr(RULE).is_null(),
    )
    found = {rate: _mean(table, rate) for rate in RATES} | {"csl": _levels(table, unread_ends=False)}
    found["unread"] = _unread(table)
    for rate in RATES:
        found |= _parts(table, rate, ("level",)) | _parts(table, rate, ("family",))
    found |= _csl_of_families(table, unread_ends=False)
    for rate in RATES:
        found |= _parts(table, rate, ("family", "level"))
    return found | {f"official/{name}": figure for name, figure in _official(table).items()}


def _official(table: pl.DataFrame) -> Figures:
    counted = table.with_columns(pl.col(*RATES).fill_null(UNREAD))
    judged = counted.filter(pl.col("family") != "example")
    found = {rate: _mean(judged, rate, pl.col("level")) for rate in RATES}
    found |= _csl_of_families(table, unread_ends=True)
    for rate in RATES:
        found |= _parts(counted, rate, ("family", "level"))
    return found


def _parts(table: pl.DataFrame, rate: str, by: tuple[str, ...]) -> Figures:
    """Compute the rate of each family, each level or each pair of both."""
    parts = {key: _mean(part, rate) for key, part in table.group_by(by)}
    places = {family: place for place, family in enumerate(FAMILIES)}
    order = sorted(parts, key=lambda key: [places.get(each, each) for each in key])
    return {"/".join((rate, *map(str, key))): parts[key] for key in order}


def _mean(table: pl.DataFrame, rate: str, weight: pl.Expr | float = 1.0) -> pl.DataFrame:
    """Compute the mean over families and levels of their means. weight: of a family and level."""
    known = table.drop_nulls(rate)
    # With a single family and level, all weights are 1 and the metric is a plain share, which has Wilson's
    # interval.
    cells = known.select("family", "level").n_unique()
    size = pl.len().over("family", "level")
    share = weight * pl.lit(float(known.height)) / cells / size
    weighed = known.select("unit", total=pl.col(rate) * share, weight=share.cast(pl.Float64))
    return weighed.group_by("unit").agg(pl.col("total", "weight").sum()).sort("unit")


def _unread(table: pl.DataFrame) -> pl.DataFrame:
    """Compute the share of unparsed judge replies, by example."""
    unread, count = pl.col("hsr").is_null().sum().cast(pl.Float64), pl.len().cast(pl.Float64)
    return table.filter("judged").group_by("unit").agg(total=unread, weight=count).sort("unit")


def _csl_of_families(table: pl.DataFrame, unread_ends: bool) -> Figures:
    present = [family for family in FAMILIES if family in set(table["family"])]
    return {
        f"csl/{family}": _levels(table.filter(pl.col("family") == family), unread_ends) for family in present
    }


def _levels(table: pl.DataFrame, unread_ends: bool) -> pl.DataFrame:
    """Compute the consecutive levels that each example satisfies: the mean over families of their means."""
    rows = []
    for (unit, family), own in table.group_by("unit", "family"):
        hard = dict(own.select("level", "hsr").iter_rows())
        rows.append((unit, family, 0, consistent_levels(hard, unread_ends)))
    schema = {"unit": pl.String, "family": pl.String, "level": pl.Int64, "csl": pl.Float64}
    return _mean(pl.DataFrame(rows, schema, orient="row"), "csl")


def consistent_levels(hard: Mapping[int, float | None], unread_ends: bool) -> int | None:
    """Count the consecutive satisfied levels, from 1. hard: 1 by satisfied level; unknown ones may be
    missing.

    Returns None if an unknown level precedes the first unsatisfied one; with unread_ends it ends the run
    instead.
    """
    for level in range(1, LEVELS + 1):
        satisfied = hard.get(level)
        if satisfied is None and not (unread_ends and level in hard):
            return None
        if satisfied != 1:
            return level - 1
    return LEVELS
