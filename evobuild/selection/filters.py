"""Filters: what a row must be like to be chosen, each with a reason that can be counted.

What was not measured passes no bound: it is a reject of its own, never a value.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

import polars as pl

from evobuild.core.measures import all_metrics
from evobuild.selection.params import Filters, Metric
from evobuild.text import language, words

TEXT: dict[str, tuple[Callable[[str], object], type[pl.DataType]]] = {
    "words": (words.count_words, pl.Int64),
    "language": (language.detect_language, pl.String),
}
"""What filters read of the instruction's text: column to what computes it, and of what type."""


class _Bound(NamedTuple):
    """beyond: whether a row is lost."""

    beyond: pl.Expr
    reason: str
    detail: pl.Expr


def add_text_columns(rows: pl.DataFrame, filters: Filters) -> pl.DataFrame:
    """Add the columns of TEXT that some filters read. rows: have an instruction, null where it is unknown."""
    read = {name: TEXT[name] for name in text_columns(filters)}
    return rows.with_columns(
        pl.col("instruction").map_elements(compute, return_dtype=kind).alias(name)
        for name, (compute, kind) in read.items()
    )


def text_columns(filters: Filters) -> list[str]:
    """Name the columns of TEXT that some filters read."""
    counted = filters.min_words is not None or filters.max_words is not None
    return [name for name, used in (("words", counted), ("language", bool(filters.languages))) if used]


def filter_metrics(filters: Filters) -> list[Metric]:
    """Name the metrics that some filters read."""
    return list(dict.fromkeys([*(["ifd"] if filters.max_ifd else []), *filters.ranges]))


def find_filtered_rows(rows: pl.DataFrame, filters: Filters, needed: Collection[Metric]) -> pl.DataFrame:
    """Give the rows beyond a bound: id, reason, detail, the first bound that a row is beyond.

    rows: have the columns of `text_columns`, the metrics, and `uncut`. needed: metrics that a row must
    have to be ranked; one that is uncut need not.
    """
    bounds = [_missing(metric, pl.lit(value=True)) for metric in filter_metrics(filters)]
    bounds += [_missing(metric, ~pl.col("uncut")) for metric in needed if metric != "random"]
    if filters.max_ifd is not None:
        bounds.append(
            _Bound(pl.col("ifd") >= filters.max_ifd, "IFD too high", _said("ifd", "≥", filters.max_ifd))
        )
    for metric, (least, most) in filters.ranges.items():
        bounds += _between(all_metrics()[metric].expression, metric, least, most)
    if "words" in text_columns(filters):
        bounds += _between(pl.col("words"), "words", filters.min_words, filters.max_words)
    if filters.languages:
        other = ~pl.col("language").is_in(filters.languages)
        bounds.append(_Bound(other, "other language", pl.col("language")))
    reason = _of_first(bounds, [pl.lit(each.reason) for each in bounds])
    detail = _of_first(bounds, [each.detail for each in bounds])
    return rows.select("id", reason=reason, detail=detail).filter(pl.col("reason").is_not_null())


def _of_first(bounds: Sequence[_Bound], values: Sequence[pl.Expr]) -> pl.Expr:
    """The value of the first bound that a row is beyond, null if it is beyond none."""
    if not bounds:
        return pl.lit(None, pl.String)
    return pl.coalesce(pl.when(bound.beyond).then(value) for bound, value in zip(bounds, values, strict=True))


def _missing(metric: Metric, where: pl.Expr) -> _Bound:
    return _Bound(pl.col(all_metrics()[metric].column).is_null() & where, f"no {metric}", pl.lit(""))


def _between(value: pl.Expr, name: str, least: float | None, most: float | None) -> list[_Bound]:
    bounds = []
    if least is not None:
        bounds.append(_Bound(value < least, f"{name} too low", _said(value, "<", least)))
    if most is not None:
        bounds.append(_Bound(value > most, f"{name} too high", _said(value, ">", most)))
    return bounds


def _said(value: pl.Expr | str, sign: str, bound: float) -> pl.Expr:
    shown = (pl.col(value) if isinstance(value, str) else value).cast(pl.Float64).round(6)
    return pl.format("{} {} {}", shown, pl.lit(sign), pl.lit(f"{bound:g}"))
