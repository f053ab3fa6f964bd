"""Rejects: the rows that a stage lost, with reason, detail and raw reply, and how they are counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import polars as pl

from evobuild.core.reasons import reason_meanings


class Reject(NamedTuple):
    """A row that a stage lost: why, in a word or two that can be counted, in detail, and on what reply."""

    id: str
    reason: str
    detail: str
    reply: str


REJECTS = pl.Schema(dict.fromkeys(Reject._fields, pl.String))

OFF: dict[str, Any] = {"in": 0, "out": 0, "rejects": {}, "off": True}
"""The counts of a stage that is switched off."""


def ledger(rows_in: int, rows_out: int, rejects: pl.DataFrame) -> dict[str, Any]:
    """As `balance`, of a table of rejects."""
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
