"""The figures of FollowBench, by level and family, and those that the authors' code prints.

hsr     hard satisfaction rate: the share of replies that satisfy every constraint of their level
ssr     soft satisfaction rate: the mean share of constraints that a reply satisfies
csl     consistent satisfaction levels: how many levels from 1 on an example's replies satisfy wholly
unread  the share of what the judge was asked that it left unknown

`hsr/3` is of a level, `hsr/style` of a family, `hsr/style/3` of both. What spans several families and levels
is the mean over them, whatever their sizes, as in the paper's tables. What the judge left unknown is left
out.

`official/…` is what the repository's code prints: there an unknown reply counts -1 in rates, and ends a run
of satisfied levels. `official/hsr` and `official/ssr` are of its aggregator.py: level n weighs n, and the
family `example` does not count.

Units are examples: their levels rise and fall together.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from evobuild.evaluation.benchmark import check_value
from evobuild.evaluation.benchmarks.followbench.items import FAMILIES, LEVELS

SOFT = "soft"
"""The check that has the share of constraints that are satisfied."""
RULE = "rule"
"""The check of what a rule has judged."""
RATES = ("hsr", "ssr")
UNREAD = -1.0
"""What the repository counts for a reply of the judge that it cannot read."""

Figures = dict[str, pl.DataFrame]


def all_figures(rows: pl.DataFrame) -> Figures:
    """Every figure. rows: of EVALUATION, their items named `<family>/<example>/<level>`."""
    table = rows.select(
        unit=pl.col("item").str.replace(r"/[^/]*$", ""),
        family="group",
        level=pl.col("item").str.extract(r"/([^/]*)$").cast(pl.Int64),
        hsr="score",
        ssr=check_value(SOFT).cast(pl.Float64),
        judged=check_value(RULE).is_null(),
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
    """The rate of each family, each level or each of both."""
    parts = {key: _mean(part, rate) for key, part in table.group_by(by)}
    places = {family: place for place, family in enumerate(FAMILIES)}
    order = sorted(parts, key=lambda key: [places.get(each, each) for each in key])
    return {"/".join((rate, *map(str, key))): parts[key] for key in order}


def _mean(table: pl.DataFrame, rate: str, weight: pl.Expr | float = 1.0) -> pl.DataFrame:
    """The mean over families and levels of their means. weight: of a family and level among them."""
    known = table.drop_nulls(rate)
    # Of a single family and level all weights are 1: then the figure is a plain share.
    cells = known.select("family", "level").n_unique()
    size = pl.len().over("family", "level")
    share = weight * pl.lit(float(known.height)) / cells / size
    weighed = known.select("unit", total=pl.col(rate) * share, weight=share.cast(pl.Float64))
    return weighed.group_by("unit").agg(pl.col("total", "weight").sum()).sort("unit")


def _unread(table: pl.DataFrame) -> pl.DataFrame:
    """Replies to the judge's questions without a reading, over the questions, of each example."""
    unread, count = pl.col("hsr").is_null().sum().cast(pl.Float64), pl.len().cast(pl.Float64)
    return table.filter("judged").group_by("unit").agg(total=unread, weight=count).sort("unit")


def _csl_of_families(table: pl.DataFrame, unread_ends: bool) -> Figures:
    present = [family for family in FAMILIES if family in set(table["family"])]
    return {
        f"csl/{family}": _levels(table.filter(pl.col("family") == family), unread_ends) for family in present
    }


def _levels(table: pl.DataFrame, unread_ends: bool) -> pl.DataFrame:
    """The levels from 1 on that each example satisfies: the mean over families of their means."""
    rows = []
    for (unit, family), own in table.group_by("unit", "family"):
        hard = dict(own.select("level", "hsr").iter_rows())
        rows.append((unit, family, 0, consistent_levels(hard, unread_ends)))
    schema = {"unit": pl.String, "family": pl.String, "level": pl.Int64, "csl": pl.Float64}
    return _mean(pl.DataFrame(rows, schema, orient="row"), "csl")


def consistent_levels(hard: Mapping[int, float | None], unread_ends: bool) -> int | None:
    """How many levels from 1 on are satisfied. hard: by level, 1 if it is; an unknown one may be missing.

    Returns None if an unknown one comes before the first that is not satisfied; where unread_ends, it ends
    the run instead.
    """
    for level in range(1, LEVELS + 1):
        satisfied = hard.get(level)
        if satisfied is None and not (unread_ends and level in hard):
            return None
        if satisfied != 1:
            return level - 1
    return LEVELS
