"""Filter rows by rule, each rule with a reject reason of its own.

A missing measurement fails a filter: it has its own reason, and never counts as a value.
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
"""Columns computed from the instruction's text: function and type, by column."""


class _Bound(NamedTuple):
    """One rule. beyond: whether a row is rejected."""

    beyond: pl.Expr
    reason: str
    detail: pl.Expr


def add_text_columns(rows: pl.DataFrame, filters: Filters) -> pl.DataFrame:
    """Add the columns of TEXT that the filters use. rows: have an instruction, null if unknown."""
    read = {name: TEXT[name] for name in text_columns(filters)}
    return rows.with_columns(
        pl.col("instruction").map_elements(compute, return_dtype=kind).alias(name)
        for name, (compute, kind) in read.items()
    )


def text_columns(filters: Filters) -> list[str]:
    """List the columns of TEXT that the filters use."""
    counted = filters.min_words is not None or filters.max_words is not None
    return [name for name, used in (("words", counted), ("language", bool(filters.languages))) if used]


def filter_metrics(filters: Filters) -> list[Metric]:
    """List the metrics that the filters use."""
    return list(dict.fromkeys([*(["ifd"] if filters.max_ifd else []), *filters.ranges]))


def find_filtered_rows(rows: pl.DataFrame, filters: Filters, needed: Collection[Metric]) -> pl.DataFrame:
    """Find rows that fail a filter: id, reason and detail of the first one.

    rows: have the columns of `text_columns`, the metrics, and `uncut`. needed: metrics that a row needs for
    ranking, unless it is uncut.
    """
    bounds = [_missing(metric, pl.lit(value=True)) for metric in filter_metrics(filters)]
    bounds += [_missing(metric, ~pl.col("uncut")) for metric in needed if metric != "random"]
    if filters.max_ifd is not None:
        bounds.append(
            _Bound(
                pl.col("ifd") >= filters.max_ifd, "IFD too high", _format_bound("ifd", "≥", filters.max_ifd)
            )
        )
    for metric, (least, most) in filters.ranges.items():
        bounds += _between(all_metrics()[metric].expression, metric, least, most)
    if "words" in text_columns(filters):
        bounds += _between(pl.col("words"), "words", filters.min_words, filters.max_words)
    if filters.languages:
        other = ~pl.col("language").is_in(filters.languages)
        bounds.append(_Bound(other, "other language", pl.col("language")))
    reason = _coalesce_first(bounds, [pl.lit(each.reason) for each in bounds])
    detail = _coalesce_first(bounds, [each.detail for each in bounds])
    return rows.select("id", reason=reason, detail=detail).filter(pl.col("reason").is_not_null())


def _coalesce_first(bounds: Sequence[_Bound], values: Sequence[pl.Expr]) -> pl.Expr:
    """Build the expression for the value of the first rule that a row fails; null without any."""
    if not bounds:
        return pl.lit(None, pl.String)
    return pl.coalesce(pl.when(bound.beyond).then(value) for bound, value in zip(bounds, values, strict=True))


def _missing(metric: Metric, where: pl.Expr) -> _Bound:
    return _Bound(pl.col(all_metrics()[metric].column).is_null() & where, f"no {metric}", pl.lit(""))


def _between(value: pl.Expr, name: str, least: float | None, most: float | None) -> list[_Bound]:
    bounds = []
    if least is not None:
        bounds.append(_Bound(value < least, f"{name} too low", _format_bound(value, "<", least)))
    if most is not None:
        bounds.append(_Bound(value > most, f"{name} too high", _format_bound(value, ">", most)))
    return bounds


def _format_bound(value: pl.Expr | str, sign: str, bound: float) -> pl.Expr:
    shown = (pl.col(value) if isinstance(value, str) else value).cast(pl.Float64).round(6)
    return pl.format("{} {} {}", shown, pl.lit(sign), pl.lit(f"{bound:g}"))
