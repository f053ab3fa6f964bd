"""Rejects: rows that a stage rejected, with reason, detail and raw reply; their counts; errors if all are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from evobuild.core import tables
from evobuild.core.errors import NothingLeft
from evobuild.core.reasons import commonest_reasons, reason_meanings
from evobuild.process.terminal import log


class Reject(NamedTuple):
    """A row that a stage lost: why, in a word or two that can be counted, in detail, and on what reply."""

    id: str
    reason: str
    detail: str
    reply: str


REJECTS = pl.Schema(dict.fromkeys(Reject._fields, pl.String))

DETAIL = 140
"""Characters of a detail that an error shows."""

OFF: dict[str, Any] = {"in": 0, "out": 0, "rejects": {}, "off": True}
"""The counts of a stage that is switched off."""


def ledger(rows_in: int, rows_out: int, rejects: pl.DataFrame) -> dict[str, Any]:
    """Compute `balance` from a table of rejects."""
    return balance(rows_in, rows_out, Counter(rejects["reason"]))


def balance(rows_in: int, rows_out: int, reasons: Mapping[str, int]) -> dict[str, Any]:
    """Count what came in, went out and was lost, by reason: {"in": 3, "out": 2, "rejects": {"empty": 1}}.

    Raises ValueError if they do not add up, or at a reason that `reasons` does not have: a bug of ours.
    """
    if unknown := reasons.keys() - reason_meanings().keys():
        raise ValueError(f"rejects for {', '.join(sorted(unknown))}, which core/reasons.py does not have")
    lost = sum(reasons.values())
    if rows_in != rows_out + lost:
        raise ValueError(f"{rows_in} rows in, but {rows_out} out and {lost} rejected")
    return {"in": rows_in, "out": rows_out, "rejects": sort_reasons(reasons)}


def sort_reasons(reasons: Mapping[str, int]) -> dict[str, int]:
    """Sort counted reasons, the commonest first, ties by name."""
    return dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0])))


def count_reasons(reasons: Iterable[str]) -> dict[str, int]:
    """Count reasons, the commonest first, ties by name."""
    return sort_reasons(Counter(reasons))


def refuse_empty(what: str, counts: dict[str, Any], rejects: Path | None = None) -> None:
    """Raise NothingLeft with the commonest reasons and details if nothing came out.

    rejects: the table of them, which is written and stays.
    """
    if not counts["out"]:
        details = commonest_details(rejects) if rejects else ""
        said = _none_left(what, counts) + (f"\nmostly: {details}" if details else "")
        raise NothingLeft(said, rejects, set(counts["rejects"]) != {"model error"})


def refuse_if_all_rejected(what: str, counts: dict[str, Any], rejects: Path | None = None) -> None:
    """Raise as `refuse_empty`, unless no rows came in, as from an empty pool."""
    if counts["in"]:
        refuse_empty(what, counts, rejects)


def warn_if_all_rejected(what: str, counts: dict[str, Any], rejects: Path | None = None) -> None:
    """Say with the commonest reasons that all that came in was lost, where the line goes on without it."""
    if counts["in"] and not counts["out"]:
        log(f"warning: {_none_left(what, counts)}; the line goes on without them")


def commonest_details(rejects: Path, most: int = 3) -> str:
    """Say the commonest details of a table of rejects: "bad request: 400 no such field (7), …"."""
    said = tables.scan(rejects, REJECTS, ["detail"]).filter(pl.col("detail") != "").group_by("detail").len()
    ranked = tables.collect(rejects, said.sort("len", "detail", descending=[True, False]).head(most))
    return ", ".join(
        f"{' '.join(detail.split())[:DETAIL]} ({count:,})" for detail, count in ranked.iter_rows()
    )


def _none_left(what: str, counts: dict[str, Any]) -> str:
    reasons = commonest_reasons(counts["rejects"])
    return f"{what} and none is left; the commonest reasons: {reasons or 'there was none to begin with'}"
