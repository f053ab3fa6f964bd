"""Compare our verdicts with published ones, item by item.

A verdict is a boolean, a number, or a word such as "True" or "passed"; a list has one for each turn, sample
or check of its item. null, and the -1 of FastChat, are unknown.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl

from evobuild.core.errors import BadInput
from evobuild.evaluation.given_replies import ItemReplies
from evobuild.seeds.fields import json_kind

Verdict = float | None

WORDS = {
    **dict.fromkeys(("true", "pass", "passed", "correct", "right"), 1.0),
    **dict.fromkeys(("false", "fail", "failed", "incorrect", "wrong"), 0.0),
}
UNKNOWN = -1.0
NEAR = 1e-6
SHOWN = 10
"""Maximum differences to print."""


class Difference(NamedTuple):
    """An item with different verdicts."""

    item: str
    published: tuple[Verdict, ...]
    ours: tuple[Verdict, ...]
    reply: str


class VerdictComparison(NamedTuple):
    """The number of compared items, and those that differ, in order of the items' file."""

    items: int
    differences: list[Difference]


def compare_verdicts(
    rows: pl.DataFrame, given: Mapping[str, ItemReplies], check: str | None, offset: float = 0.0
) -> VerdictComparison:
    """Compare the published verdicts of replies with our scores of them.

    Args:
        check: name of a check to compare instead of scores; `strict` also selects `strict/2`.
        offset: published verdicts minus ours.

    Raises:
        BadInput: a verdict is invalid, an item has another number of verdicts than of scores, or no row has
        the check.
    """
    ours: dict[str, list[Verdict]] = {}
    replies: dict[str, str] = {}
    for row in rows.sort("part").iter_rows(named=True):
        ours.setdefault(row["item"], []).extend(_our_verdicts(row, check))
        replies.setdefault(row["item"], row["reply"])
    if check is not None and not any(ours.values()):
        names = sorted({name for row in rows["checks"] for name in (each["name"] for each in row)})
        raise BadInput(f"--check {check[:80]}: unknown check; choose from: {', '.join(names[:20])}")
    different = []
    order = [item for item in given if item in ours]
    for item in order:
        published = _parse_published(given[item], offset)
        if len(published) != len(ours[item]):
            raise BadInput(
                f"{given[item].place}: {len(published)} verdicts on the item {item!r}, which has "
                f"{len(ours[item])} of ours; give --check the name of what they are of"
            )
        if not all(map(_is_same, published, ours[item])):
            different.append(Difference(item, published, tuple(ours[item]), replies[item]))
    return VerdictComparison(len(order), different)


def format_comparison(found: VerdictComparison) -> Iterable[str]:
    """Yield lines: the number of differences, and a table of the first ones."""
    yield f"{found.items:,} items compared with their published verdicts: {len(found.differences):,} differ"
    if not found.differences:
        return
    rows = [("item", "published", "ours", "reply")]
    for each in found.differences[:SHOWN]:
        end = " ".join(each.reply.split())[-60:]
        rows.append((each.item[:30], _format_verdicts(each.published), _format_verdicts(each.ours), end))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        yield "  ".join([*(text.ljust(width) for text, width in zip(row, widths, strict=False)), row[3]])


def _our_verdicts(row: Mapping[str, Any], check: str | None) -> list[Verdict]:
    if check is None:
        return [row["score"]]
    checks = row["checks"]
    named = [each["value"] for each in checks if each["name"] == check]
    return named or [each["value"] for each in checks if each["name"].startswith(f"{check}/")]


def _parse_published(given: ItemReplies, offset: float) -> tuple[Verdict, ...]:
    values = given.verdict if isinstance(given.verdict, list) else [given.verdict]
    read = [_parse_verdict(value, given.place) for value in values]
    return tuple(None if each is None else each - offset for each in read)


def _parse_verdict(value: object, place: str) -> Verdict:
    if isinstance(value, str):
        value = _parse_number(value, place)
    if value is None or value == UNKNOWN:
        return None
    if isinstance(value, bool | int | float) and math.isfinite(value):
        return float(value)
    raise BadInput(f"{place}: the verdict is {json_kind(value)}; expected a number or true or false")


def _parse_number(text: str, place: str) -> float:
    word = text.strip().lower()
    try:
        return WORDS[word] if word in WORDS else float(word)
    except ValueError:
        raise BadInput(f"{place}: the verdict is {text[:40]!r}; expected a number or true or false") from None


def _is_same(published: Verdict, own: Verdict) -> bool:
    if published is None or own is None:
        return published is own
    return abs(published - own) <= NEAR


def _format_verdicts(verdicts: Sequence[Verdict]) -> str:
    return " ".join("?" if each is None else f"{each:g}" for each in verdicts)[:40]
