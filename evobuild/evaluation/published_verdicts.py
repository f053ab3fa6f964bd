"""Verdicts that came with published replies, compared with ours, item by item.

A verdict is a boolean, a number, or a word such as "True" or "passed"; a list has one for each turn, sample
or check of its item. null, and the -1 of FastChat, are unknown.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl

from evobuild.core.errors import BadInput
from evobuild.evaluation.given_replies import Given
from evobuild.seeds.fields import json_kind

Verdict = float | None

WORDS = {
    **dict.fromkeys(("true", "pass", "passed", "correct", "right"), 1.0),
    **dict.fromkeys(("false", "fail", "failed", "incorrect", "wrong"), 0.0),
}
UNKNOWN = -1.0
NEAR = 1e-6
SHOWN = 10
"""Differences that are shown side by side."""


class Difference(NamedTuple):
    """An item on which both differ."""

    item: str
    published: tuple[Verdict, ...]
    ours: tuple[Verdict, ...]
    reply: str


class Comparison(NamedTuple):
    """How many items were compared, and those on which both differ, in the order of the items' file."""

    items: int
    differences: list[Difference]


def compare_verdicts(
    rows: pl.DataFrame, given: Mapping[str, Given], check: str | None, offset: float = 0.0
) -> Comparison:
    """Compare the verdicts of given replies with those of the rows that they were scored as.

    check: of the rows, instead of their scores: by its name, or all below it, such as strict of strict/2.
    offset: what published verdicts are above ours.

    Raises BadInput at what is no verdict, at an item that has more or fewer of them than we give, and if
    no row has the check.
    """
    ours: dict[str, list[Verdict]] = {}
    replies: dict[str, str] = {}
    for row in rows.sort("part").iter_rows(named=True):
        ours.setdefault(row["item"], []).extend(_own(row, check))
        replies.setdefault(row["item"], row["reply"])
    if check is not None and not any(ours.values()):
        names = sorted({name for row in rows["checks"] for name in (each["name"] for each in row)})
        raise BadInput(f"--check {check[:80]}: no reply has this check; those are {', '.join(names[:20])}")
    different = []
    order = [item for item in given if item in ours]
    for item in order:
        published = _read(given[item], offset)
        if len(published) != len(ours[item]):
            raise BadInput(
                f"{given[item].place}: {len(published)} verdicts on the item {item!r}, which has "
                f"{len(ours[item])} of ours; give --check the name of what they are of"
            )
        if not all(map(_is_same, published, ours[item])):
            different.append(Difference(item, published, tuple(ours[item]), replies[item]))
    return Comparison(len(order), different)


def format_comparison(found: Comparison) -> Iterable[str]:
    """Say how many differ, and show the first of them side by side."""
    yield f"{found.items:,} items compared with their published verdicts: {len(found.differences):,} differ"
    if not found.differences:
        return
    rows = [("item", "published", "ours", "reply")]
    for each in found.differences[:SHOWN]:
        end = " ".join(each.reply.split())[-60:]
        rows.append((each.item[:30], _shown(each.published), _shown(each.ours), end))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        yield "  ".join([*(text.ljust(width) for text, width in zip(row, widths, strict=False)), row[3]])


def _own(row: Mapping[str, Any], check: str | None) -> list[Verdict]:
    if check is None:
        return [row["score"]]
    checks = row["checks"]
    named = [each["value"] for each in checks if each["name"] == check]
    return named or [each["value"] for each in checks if each["name"].startswith(f"{check}/")]


def _read(given: Given, offset: float) -> tuple[Verdict, ...]:
    values = given.verdict if isinstance(given.verdict, list) else [given.verdict]
    read = [_verdict(value, given.place) for value in values]
    return tuple(None if each is None else each - offset for each in read)


def _verdict(value: object, place: str) -> Verdict:
    if isinstance(value, str):
        value = _number(value, place)
    if value is None or value == UNKNOWN:
        return None
    if isinstance(value, bool | int | float) and math.isfinite(value):
        return float(value)
    raise BadInput(f"{place}: the verdict is {json_kind(value)}; expected a number or true or false")


def _number(text: str, place: str) -> float:
    word = text.strip().lower()
    try:
        return WORDS[word] if word in WORDS else float(word)
    except ValueError:
        raise BadInput(f"{place}: the verdict is {text[:40]!r}; expected a number or true or false") from None


def _is_same(published: Verdict, own: Verdict) -> bool:
    if published is None or own is None:
        return published is own
    return abs(published - own) <= NEAR


def _shown(verdicts: Sequence[Verdict]) -> str:
    return " ".join("?" if each is None else f"{each:g}" for each in verdicts)[:40]
