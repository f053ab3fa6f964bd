"""Items of benchmarks to be looked at: those on which models differ most, and the best and the worst.

The score of an item is the mean of its replies' scores; what is unknown or lost counts nowhere. Ties are
broken by a draw, so that a benchmark that knows right and wrong alone does not always show its first items.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from evobuild.core import tables
from evobuild.core.draws import draw_value
from evobuild.core.tables import EVALUATION

SCORED = ("model", "benchmark", "item", "score")
TEXTS = ("model", "benchmark", "item", "group", "part", "prompt", "reply", "score", "checks", "judgment")


class ItemExample(NamedTuple):
    """An item with the replies of some models, part by part. scores: of the item, by model."""

    benchmark: str
    item: str
    group: str
    scores: Mapping[str, float]
    replies: Mapping[str, Sequence[Mapping[str, Any]]]


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
            "differ most": _differing(own, examples, seed),
            "best": _extreme(own, -sign, ends, seed),
            "worst": _extreme(own, sign, ends, seed),
        }
        texts = _texts(folder, models, benchmark, {each.item for all_ in chosen.values() for each in all_})
        found[benchmark] = [
            ItemGroup(title, [_example(benchmark, each, texts) for each in all_])
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


def _differing(scores: Mapping[str, Mapping[str, float]], count: int, seed: int) -> list[Chosen]:
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


def _texts(
    folder: Path, models: Sequence[str], benchmark: str, items: set[str]
) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """The replies to some items, by item and model, part by part."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for model in models if items else ():
        path = folder / f"{model}.parquet"
        wanted = (pl.col("benchmark") == benchmark) & pl.col("item").is_in(list(items))
        rows = tables.collect(path, tables.scan(path, EVALUATION, TEXTS).filter(wanted)).sort("item", "part")
        for row in rows.iter_rows(named=True):
            found.setdefault((row["item"], model), []).append(row)
    return found


def _example(
    benchmark: str, chosen: Chosen, texts: Mapping[tuple[str, str], list[dict[str, Any]]]
) -> ItemExample:
    replies = {model: texts[chosen.item, model] for model in chosen.scores}
    first = next(iter(replies.values()))[0]
    return ItemExample(benchmark, chosen.item, first["group"], chosen.scores, replies)
