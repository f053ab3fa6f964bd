"""Plan the mixture: how many rows each pool and each domain gives.

It follows `select.weights`, or takes the same share of each pool (`select.per_pool`), or the best rows of any
pool.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from fractions import Fraction
from typing import TypeVar

import polars as pl

from evobuild.selection.params import Select

Part = TypeVar("Part", bound=Hashable)


def apportion(total: int, weights: Mapping[Part, float], sizes: Mapping[Part, int]) -> dict[Part, int]:
    """Apportion a total by weight, by the largest remainder, ties in the order given.

    sizes: rows of each part. A part with too few gives all of them, and the others make up for it by their
    weights; so the sum is `total`, or all rows of the parts.

    Example: (10, {"r1": 1, "r2": 2}, {"r1": 9, "r2": 9}) -> {"r1": 3, "r2": 7}.
    """
    found = dict.fromkeys(weights, 0)
    remaining = {part: weight for part, weight in weights.items() if sizes.get(part, 0)}
    left = min(total, sum(sizes[part] for part in remaining))
    while left:
        shares = _largest_remainder(left, remaining)
        scarce = {part: sizes[part] for part in remaining if shares[part] >= sizes[part]}
        if not scarce:
            return found | shares
        # The missing rows go to the other parts, of which some may become too small in turn: repeat.
        found |= scarce
        left -= sum(scarce.values())
        remaining = {part: weight for part, weight in remaining.items() if part not in scarce}
    return found


def _largest_remainder(total: int, weights: Mapping[Part, float]) -> dict[Part, int]:
    # Exact fractions, so that rounding never decides which remainder is larger.
    exact = {part: Fraction(weight) for part, weight in weights.items()}
    whole = sum(exact.values())
    ideal = {part: total * weight / whole for part, weight in exact.items()}
    found = {part: int(share) for part, share in ideal.items()}
    ordered = sorted(ideal, key=lambda part: found[part] - ideal[part])
    for part in ordered[: total - sum(found.values())]:
        found[part] += 1
    return found


def plan_mixture(rows: pl.DataFrame, select: Select) -> pl.DataFrame:
    """Assign each row to a part of the mixture, with the number of rows that the part gives.

    rows: round, domain, uncut. Adds part and quota; -1 and null for uncut rows.
    """
    is_by_pool = bool(select.weights) or select.per_pool
    labels = {
        "source": pl.col("round") if is_by_pool else pl.lit(""),
        "kind": pl.col("domain") if select.per_domain else pl.lit(""),
    }
    labelled = rows.with_columns(**labels)
    parts = labelled.filter(~pl.col("uncut")).group_by(*labels).len()
    # Sort by name: the order of a categorical column depends on which rows were read first.
    parts = parts.sort(pl.col("source").cast(pl.String), pl.col("kind").cast(pl.String))
    sizes: dict[str, dict[str, int]] = {}
    for source, kind, size in parts.iter_rows():
        sizes.setdefault(source, {})[kind] = size
    whole = {source: sum(kinds.values()) for source, kinds in sizes.items()}
    total = select.count or max(1, round(sum(whole.values()) * (select.share or 1)))
    by_source = apportion(total, select.weights or whole, whole)
    quotas = [
        quota
        for source, kinds in sizes.items()
        for quota in apportion(by_source.get(source, 0), kinds, kinds).values()
    ]
    parts = parts.with_columns(quota=pl.Series(quotas, dtype=pl.Int64)).with_row_index("part").drop("len")
    numbered = labelled.join(parts, on=list(labels), how="left", maintain_order="left")
    cut = ~pl.col("uncut")
    part = pl.when(cut).then(pl.col("part").cast(pl.Int64)).otherwise(-1)
    return numbered.with_columns(part=part, quota=pl.when(cut).then("quota")).drop(*labels)
