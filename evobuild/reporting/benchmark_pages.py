"""The explorer's pages of benchmarks: every item, what each model replied, its score, checks and judgment.

benchmarks/<name>.html       the page of one benchmark; it loads ../benchmark.js, listing.js and markdown.js
benchmarks/<name>/items.js   of every item its id, group, scores and how its prompt reads: small, read first
benchmarks/<name>/000.js     prompts, replies and judgments of the items of part 0: read when one is opened

As with rows, data are scripts that call `take`, JSON in ASCII without a `<`, and nothing of them is code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from evobuild.core import tables
from evobuild.core.draws import draw_lowest
from evobuild.core.evaluation_tables import COMPARISONS, EVALUATION
from evobuild.core.metrics import DRY_RUN
from evobuild.core.rejects import REJECTS
from evobuild.models.roles import chat_models, evaluated_models
from evobuild.reporting import evaluations, explorer, templates
from evobuild.reporting.evaluations import Line, Sources
from evobuild.reporting.params import ReportParams
from evobuild.scoring.params import measure_models

MOST = 20_000
"""Items of a benchmark at most; of more some are drawn."""
CHUNK = 1_000
"""Items whose texts are held at once."""
PART = 200
"""Items of a part at most,"""
PART_CHARACTERS = 2_000_000
"""and characters of it, beyond which another begins."""
LONGEST = 20_000
"""Characters of a text that are kept."""
HEAD = 140
"""Characters of a prompt in the list."""
SHOTS = 1_000
"""A prompt longer than that mostly begins with examples: its end is in the list."""
NOT_ASKED, SCORED, UNKNOWN, LOST = range(4)
"""How an item went with a model: it never came, has a score, has one that is unknown, or was lost."""


class Found(NamedTuple):
    """What is known of a benchmark's items before any text is read. models: those that have some of it.

    scores: by model and item, None where unknown. lost: by model and item, its reject.
    """

    name: str
    models: list[str]
    items: list[str]
    scores: Mapping[str, Mapping[str, float | None]]
    lost: Mapping[str, Mapping[str, tuple[str, str, str]]]

    def state(self, model: str, item: str) -> int:
        """How an item went with a model."""
        if item in self.scores[model]:
            return UNKNOWN if self.scores[model][item] is None else SCORED
        return LOST if item in self.lost[model] else NOT_ASKED


def write_benchmark_pages(
    folder: Path, params: ReportParams, where: Sources, rejects: Path, label: str = ""
) -> None:
    """Write a page of each benchmark that any model answered into the explorer's folder.

    label: as `explorer.write_explorer` takes it.

    Raises BadInput if a table is missing or not as it should be.
    """
    models = list(params.evaluate.models)
    lines = evaluations.figure_lines(evaluations.read_figures(where.figures, models))
    every = _read_benchmarks(where.evaluations, rejects, models)
    compared = tables.read(where.comparisons, COMPARISONS)
    (folder / "benchmark.js").write_text(templates.source("benchmark.js"), encoding="utf-8")
    pages = folder / "benchmarks"
    pages.mkdir()
    asked = chat_models(params.models) | measure_models(params.measures)
    asked |= evaluated_models(params.evaluate.models)
    simulated = [role for role, model in asked.items() if model.simulated]
    for found in every:
        shown = _choose_items(found, params.random_seed)
        own = compared.filter(
            pl.col("benchmark") == found.name, pl.col("a").is_in(models), pl.col("b").is_in(models)
        )
        heads, groups, starts = _write_parts(pages / found.name, where.evaluations, shown, own)
        index = _index(shown, heads, groups, starts)
        script = explorer.data_script("items", 0, index)
        (pages / found.name / "items.js").write_text(script, encoding="ascii")
        page = templates.render_page(
            "benchmark.html.jinja",
            benchmark=found.name,
            benchmarks=[each.name for each in every],
            models=found.models,
            lines=[line for line in lines if line["benchmark"] == found.name],
            items=len(shown.items),
            all_items=len(found.items),
            simulated=simulated,
            label=label or (DRY_RUN if simulated else ""),
        )
        (pages / f"{found.name}.html").write_text(page, encoding="utf-8")


def _read_benchmarks(folder: Path, rejects: Path, models: Sequence[str]) -> list[Found]:
    """Every benchmark with its items and scores; items in the order of the numbers in their ids."""
    scores: dict[str, dict[str, dict[str, float | None]]] = {}
    lost: dict[str, dict[str, dict[str, tuple[str, str, str]]]] = {}
    for model in models:
        rows = tables.read(folder / f"{model}.parquet", EVALUATION, ("benchmark", "item", "score"))
        means = rows.group_by("benchmark", "item").agg(pl.col("score").mean()).sort("benchmark", "item")
        for benchmark, item, score in means.iter_rows():
            scores.setdefault(benchmark, {}).setdefault(model, {})[item] = explorer.short_number(score)
        for key, *why in tables.read(rejects / f"evaluate-{model}.parquet", REJECTS).iter_rows():
            benchmark, _, item = key.partition("/")
            lost.setdefault(benchmark, {}).setdefault(model, {})[item] = (why[0], why[1], why[2])
    found = []
    for benchmark in sorted({*scores, *lost}):
        own, gone = scores.get(benchmark, {}), lost.get(benchmark, {})
        there = [model for model in models if model in own or model in gone]
        items = {item for each in own.values() for item in each}
        items |= {item for each in gone.values() for item in each}
        by_model = {model: own.get(model, {}) for model in there}
        lost_by_model = {model: gone.get(model, {}) for model in there}
        found.append(Found(benchmark, there, sorted(items, key=_sort_numerically), by_model, lost_by_model))
    return found


def _sort_numerically(item: str) -> tuple[list[tuple[int, str]], str]:
    """Sort "test/9" before "test/10"."""
    pieces = re.findall(r"\d{1,18}|\D+", item[:200])
    return [(int(each), "") if each.isdecimal() else (-1, each) for each in pieces], item


def _choose_items(found: Found, seed: int) -> Found:
    """The items that have a place on the page."""
    if len(found.items) <= MOST:
        return found
    drawn = set(draw_lowest(found.items, MOST, seed, "report", str))
    return found._replace(items=[item for item in found.items if item in drawn])


def _write_parts(
    folder: Path, evaluated: Path, found: Found, compared: pl.DataFrame
) -> tuple[list[str], list[str], list[int]]:
    """Write the texts in parts; give how each item's prompt reads, its group, and where parts begin."""
    folder.mkdir()
    heads, groups, starts = [], [], [0]
    part: list[Any] = []
    characters = 0
    for number, (head, group, entry) in enumerate(_entries(evaluated, found, compared)):
        heads.append(head)
        groups.append(group)
        size = len(explorer.data_script("texts", 0, entry))
        if part and (len(part) >= PART or characters + size > PART_CHARACTERS):
            _write_part(folder, len(starts) - 1, part)
            starts.append(number)
            part, characters = [], 0
        part.append(entry)
        characters += size
    _write_part(folder, len(starts) - 1, part)
    return heads, groups, starts


def _write_part(folder: Path, number: int, part: list[Any]) -> None:
    script = explorer.data_script("texts", number, part)
    (folder / f"{number:03d}.js").write_text(script, encoding="ascii")


def _entries(folder: Path, found: Found, compared: pl.DataFrame) -> Iterator[tuple[str, str, list[Any]]]:
    """Of each item how its prompt reads, its group, and its texts: by model, then what the judge compared."""
    for start in range(0, len(found.items), CHUNK):
        items = found.items[start : start + CHUNK]
        rows = {model: _rows(folder / f"{model}.parquet", found.name, items) for model in found.models}
        pairs: dict[str, list[Any]] = {}
        for each in compared.filter(pl.col("item").is_in(items)).sort("part", "a", "b").iter_rows(named=True):
            pairs.setdefault(each["item"], []).append(_pair(each))
        for item in items:
            replies = {model: rows[model].get(item, []) for model in found.models}
            first = next((own[0] for own in replies.values() if own), None)
            asked: set[str] = set()
            texts = [_texts(found, model, item, replies[model], asked) for model in found.models]
            yield (
                _head(first["prompt"]) if first else "",
                first["group"] if first else "",
                [texts, pairs.get(item, [])],
            )


def _rows(path: Path, benchmark: str, items: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """The replies of a model to some items, part by part."""
    wanted = (pl.col("benchmark") == benchmark) & pl.col("item").is_in(list(items))
    found: dict[str, list[dict[str, Any]]] = {}
    for row in tables.collect(path, tables.scan(path, EVALUATION).filter(wanted)).sort("part").to_dicts():
        found.setdefault(row["item"], []).append(row)
    return found


def _texts(found: Found, model: str, item: str, rows: Sequence[Line], asked: set[str]) -> list[Any] | None:
    """What a model replied, [null, replies]; or why the item is lost, [reason, detail, reply].

    asked: prompts of this item that are written already; such a one is left out.
    """
    if not rows:
        lost = found.lost[model].get(item)
        return [_clip(text) for text in lost] if lost else None
    replies = []
    for row in rows:
        checks = [[check["name"], explorer.short_number(check["value"])] for check in row["checks"] or ()]
        prompt = None if row["prompt"] in asked else _clip(row["prompt"])
        asked.add(row["prompt"])
        score, judgment = explorer.short_number(row["score"]), _clip(row["judgment"])
        replies.append([row["part"], prompt, _clip(row["reply"]), score, checks, judgment])
    return [None, replies]


def _pair(row: Line) -> list[Any]:
    texts = [_clip(row[name] or "") for name in ("first", "second")]
    return [row["a"], row["b"], row["part"], row["verdict"], row["consistent"], *texts]


def _index(found: Found, heads: list[str], groups: list[str], starts: list[int]) -> dict[str, Any]:
    """What items are filtered by, column by column; states and groups as numbers."""
    names = sorted(set(groups))
    places = {name: place for place, name in enumerate(names)}
    scores = {model: [found.scores[model].get(item) for item in found.items] for model in found.models}
    known = [score for own in scores.values() for score in own if score is not None]
    return {
        "models": found.models,
        "items": found.items,
        "heads": heads,
        "groups": names,
        "group": [places[group] for group in groups],
        "scores": scores,
        "states": {model: [found.state(model, item) for item in found.items] for model in found.models},
        "starts": starts,
        "graded": all(0 <= score <= 1 for score in known),
    }


def _head(prompt: str) -> str:
    """How a prompt begins; of a long one, which has examples before its question, how it ends."""
    text = " ".join((prompt[-4 * HEAD :] if len(prompt) > SHOTS else prompt[: 4 * HEAD]).split())
    if len(prompt) > SHOTS:
        return f"… {text[-HEAD:]}"
    return text if len(text) <= HEAD else f"{text[:HEAD]} …"


def _clip(text: str) -> str:
    more = len(text) - LONGEST
    return text if more <= 0 else f"{text[:LONGEST]} … ({more:,} more characters)"
