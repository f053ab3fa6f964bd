"""Items of benchmarks to be looked at: those on which models differ most, and the best and the worst.

They are named by their ids, without their text: the explorer's pages have that, the report does not.
The score of an item is the mean of its replies' scores; what is unknown or lost counts nowhere. Ties are
broken by a draw, so that a benchmark that knows right and wrong alone does not always show its first items.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import polars as pl

from evobuild.core import tables
from evobuild.core.draws import draw_value
from evobuild.core.evaluation_tables import EVALUATION

SCORED = ("model", "benchmark", "item", "score")


class ItemExample(NamedTuple):
    """An item. scores: of it, by model."""

    item: str
    group: str
    scores: Mapping[str, float]


class ItemGroup(NamedTuple):
    """Items of one benchmark that are shown for one reason."""

    title: str
    examples: list[ItemExample]


class Chosen(NamedTuple):
    """An item to show and the models whose replies to it are."""

    item: str
    scores: Mapping[str, float]


def item_groups(
    folder: Path, models: Sequence[str], higher: Mapping[str, bool], examples: int, seed: int
) -> dict[str, list[ItemGroup]]:
    """What is shown of each benchmark: where two models differ most, the best items, and the worst.

    higher: the benchmarks, and whether more is better. examples: items that differ; a third of them are shown
    at each end.

    Raises BadInput if a table of replies is missing or not as it should be.
    """
    scores = _scores(folder, models)
    found = {}
    for benchmark, more in higher.items():
        own = scores.get(benchmark, {})
        sign, ends = (1 if more else -1), max(1, examples // 3)
        chosen = {
            "differ most": _find_differing_items(own, examples, seed),
            "best": _extreme(own, -sign, ends, seed),
            "worst": _extreme(own, sign, ends, seed),
        }
        of_items = _groups(
            folder, models, benchmark, {each.item for all_ in chosen.values() for each in all_}
        )
        found[benchmark] = [
            ItemGroup(title, [ItemExample(each.item, of_items[each.item], each.scores) for each in all_])
            for title, all_ in chosen.items()
            if all_
        ]
    return found


def _scores(folder: Path, models: Sequence[str]) -> dict[str, dict[str, dict[str, float]]]:
    """Score of each item by benchmark, item and model."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for model in models:
        rows = tables.read(folder / f"{model}.parquet", EVALUATION, SCORED).drop_nulls("score")
        means = rows.group_by("benchmark", "item").agg(pl.col("score").mean()).sort("benchmark", "item")
        for benchmark, item, score in means.iter_rows():
            found.setdefault(benchmark, {}).setdefault(item, {})[model] = score
    return found


def _find_differing_items(scores: Mapping[str, Mapping[str, float]], count: int, seed: int) -> list[Chosen]:
    """The items on which two models differ most, each with the two that do."""
    widest: list[tuple[float, str, dict[str, float]]] = []
    for item, own in scores.items():
        pairs = [(abs(own[a] - own[b]), a, b) for a, b in combinations(own, 2)]
        if pairs and (most := max(pairs, key=lambda pair: pair[0]))[0] > 0:
            widest.append((most[0], item, {name: own[name] for name in most[1:]}))
    widest.sort(key=lambda each: (-each[0], draw_value(seed, "report", each[1]), each[1]))
    return [Chosen(item, own) for _, item, own in widest[:count]]


def _extreme(scores: Mapping[str, Mapping[str, float]], sign: int, count: int, seed: int) -> list[Chosen]:
    """The items at one end of the mean over models, with the first models; those at neither end alone."""
    means = {item: sum(own.values()) / len(own) for item, own in scores.items()}
    ends = {min(means.values()), max(means.values())} if means else set()
    if len(ends) < 2:
        return []
    middle = sum(ends) / 2
    own_side = [item for item, mean in means.items() if sign * (mean - middle) < 0]
    own_side.sort(key=lambda item: (sign * means[item], draw_value(seed, "report", item), item))
    return [Chosen(item, dict(list(scores[item].items())[:2])) for item in own_side[:count]]


def _groups(folder: Path, models: Sequence[str], benchmark: str, items: set[str]) -> dict[str, str]:
    """The group of each of some items."""
    found: dict[str, str] = {}
    for model in models if items else ():
        path = folder / f"{model}.parquet"
        wanted = (pl.col("benchmark") == benchmark) & pl.col("item").is_in(list(items))
        rows = tables.scan(path, EVALUATION, ("benchmark", "item", "group")).filter(wanted)
        found |= dict(
            tables.collect(path, rows.select("item", "group").unique().sort("item", "group")).iter_rows()
        )
    return found
