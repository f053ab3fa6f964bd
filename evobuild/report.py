"""The report: one self-contained HTML page of what was made, lost, chosen and learnt.

Names of rounds and pools come from params, so the files of a removed one stay unread. All text of
rows is data: the page's templates escape it, control characters are shown as pictures, and only our
own SVG enters as it is. A file that is missing or unreadable is a BadInput that names it.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import polars as pl
import yaml
from markupsafe import Markup

from evobuild import charts, examples, tables
from evobuild.consistency import CHAT_ROLES
from evobuild.errors import BadInput
from evobuild.params import Params
from evobuild.tables import INSTRUCTIONS, RATINGS, REJECTS, SCORES, STEPS

POOL_STAGES = ("respond", "rate", "score")
ROLES = {
    "optimize": ("evolver", "optimizer"),
    "evolve": ("evolver",),
    "respond": ("responder",),
    "rate": ("judge",),
}
"""Roles of each stage that asks a model, in the order of its usage file."""
DOMAINS = 20
"""Domains shown by name; smaller ones are summed up."""

# Control characters as their pictures (NUL as ␀), and what is no character at all as �.
_VISIBLE = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n\r"} | {0x7F: 0x2421}
_VISIBLE |= dict.fromkeys([*range(0x80, 0xA0), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF], 0xFFFD)


class Sources(NamedTuple):
    """Where the report reads: folders with one file a round or pool, then single files."""

    rounds: Path
    responses: Path
    ratings: Path
    scores: Path
    rejects: Path
    counts: Path
    usage: Path
    steps: Path
    dataset: Path
    curve: Path
    evaluation: Path


class Ledger(NamedTuple):
    """What a stage did with its rows. rows_out: without those held out. rejects: by reason."""

    stage: str
    name: str
    rows_in: int
    rows_out: int
    held_out: int
    rejects: dict[str, int]

    @property
    def rejected(self) -> int:
        return sum(self.rejects.values())


def page(params: Params, sources: Sources) -> str:
    """Write the page.

    Raises BadInput naming the file that is missing or not as it should be; MissingExtra without matplotlib.
    """
    ledgers = {f"{each.stage}-{each.name}": each for each in _ledgers(params, sources)}
    steps = tables.read(sources.steps, STEPS).sort("step", "candidate").to_dicts()
    evaluation = _json(sources.evaluation, ("held_out", "loss", "perplexity"))
    ratings = {pool: tables.read(sources.ratings / f"{pool}.parquet", RATINGS) for pool in params.pools}
    scores = {pool: tables.read(sources.scores / f"{pool}.parquet", SCORES) for pool in params.pools}
    curve = _curve(sources.curve)
    selected_pools = list(params.pools) if params.select.pools == "all" else params.select.pools
    return (
        _environment()
        .get_template("report.html.jinja")
        .render(
            params=params,
            roles={role: getattr(params.models, role) for role in (*CHAT_ROLES, "scorer", "base")},
            simulated=[role for role in CHAT_ROLES if getattr(params.models, role).simulated],
            ledgers=ledgers,
            evaluation=evaluation,
            steps=steps,
            method=_method(steps),
            method_chart=charts.failure_rates(steps) if steps else "",
            lineages=examples.lineages(params, sources.rounds, sources.responses, ratings, scores),
            lost=examples.lost(params, sources.rounds, sources.rejects),
            level_chart=charts.levels(ratings),
            score_chart=charts.histograms(scores),
            means=_means(ratings, scores),
            selected=_selected(tables.read(sources.dataset, INSTRUCTIONS), selected_pools),
            selected_pools=selected_pools,
            curve=curve,
            curve_chart=charts.training(curve) if curve else "",
            usage=list(_usage(params, sources.usage)),
            settings=_settings(params),
        )
    )


def _ledgers(params: Params, sources: Sources) -> list[Ledger]:
    """All ledgers in the order of the pipeline; the evaluation's is made up of its files."""
    names = [("seed", "", "seed"), *(("evolve", name, f"evolve-{name}") for name in params.rounds)]
    names += [(stage, pool, f"{stage}-{pool}") for stage in POOL_STAGES for pool in params.pools]
    names.append(("select", "", "select"))
    found = []
    for stage, name, stem in names:
        content = _json(sources.counts / f"{stem}.json", ("in", "out", "rejects"))
        held_out = content.get("held_out", 0)
        found.append(
            Ledger(stage, name, content["in"], content["out"] - held_out, held_out, content["rejects"])
        )
    measured = _json(sources.evaluation, ("held_out",))["held_out"]
    reasons = tables.read(sources.rejects / "evaluate.parquet", REJECTS)["reason"]
    rows_in = measured["measured"] + measured["rejected"]
    return [*found, Ledger("evaluate", "", rows_in, measured["measured"], 0, tables.count_reasons(reasons))]


def _method(steps: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The method that was optimized, the one that was chosen last, and their difference in words."""
    chosen = [step for step in steps if step["chosen"]]
    if not chosen:
        return None
    first, best = chosen[0], chosen[-1]
    return {"e0": first, "best": best, "words": examples.difference(first["method"], best["method"])}


def _means(ratings: dict[str, pl.DataFrame], scores: dict[str, pl.DataFrame]) -> list[dict[str, Any]]:
    return [
        {
            "pool": pool,
            "difficulty": _mean(ratings[pool]["score"]),
            **{
                name: _mean(scores[pool][name])
                for name in ("ic_ifd", "ifd", "question_tokens", "answer_tokens")
            },
        }
        for pool in ratings
    ]


def _mean(values: pl.Series) -> float:
    mean = values.mean()
    return float(mean) if isinstance(mean, (int, float)) else float("nan")


def _selected(dataset: pl.DataFrame, pools: list[str]) -> list[dict[str, Any]]:
    """Rows of the data set by domain, the largest first, and of each the rows by pool."""
    counted = dataset.group_by("domain", "round").len().sort("domain", "round")
    by_domain: dict[str, dict[str, int]] = {}
    for domain, pool, rows in counted.iter_rows():
        by_domain.setdefault(domain, {})[pool] = rows
    order = sorted(by_domain, key=lambda domain: (-sum(by_domain[domain].values()), domain))
    lines = [(domain, by_domain[domain]) for domain in order[:DOMAINS]]
    if rest := order[DOMAINS:]:
        summed = {pool: sum(by_domain[domain].get(pool, 0) for domain in rest) for pool in pools}
        lines.append((f"{len(rest)} smaller domains", summed))
    return [{"domain": domain, "pools": counts, "rows": sum(counts.values())} for domain, counts in lines]


def _usage(params: Params, folder: Path) -> Iterator[dict[str, Any]]:
    """One line a stage and role: what was asked of its model; a stage that asked nothing has none."""
    stems = ["optimize", *(f"evolve-{name}" for name in params.rounds)]
    stems += [f"{stage}-{pool}" for stage in ("respond", "rate") for pool in params.pools]
    for stem in stems:
        stage, _, name = stem.partition("-")
        for role, entry in zip(ROLES[stage], _json(folder / f"{stem}.json", ()), strict=False):
            purposes = list(entry["purposes"].values())
            sums = {
                key: sum(purpose[key] for purpose in purposes)
                for key in ("calls", "cached", "failed", "prompt_tokens", "completion_tokens")
            }
            yield {
                "stage": stage,
                "name": name,
                "role": role,
                "model": entry["model"],
                "seconds": entry["seconds"],
            } | sums


def _curve(path: Path) -> list[dict[str, float]]:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return [{key: float(row[key]) for key in ("step", "loss")} for row in csv.DictReader(stream)]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{path}: not a readable curve with step and loss: {error}") from error


def _json(path: Path, keys: tuple[str, ...]) -> Any:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: not a readable JSON file: {error}") from error
    for key in keys:
        if key not in content:
            raise BadInput(f"{path}: the key '{key}' is missing")
    return content


def _settings(params: Params) -> str:
    content = params.model_dump()
    content["models"] = {role: str(model) for role, model in params.models}
    text: str = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    return text


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "pages"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    environment.filters["figure"] = _figure
    environment.filters["clip"] = _clip
    return environment


def _visible(value: object) -> object:
    if isinstance(value, str) and not isinstance(value, Markup):
        return value.translate(_VISIBLE)
    return value


def _figure(value: float | None, digits: int = 0) -> str:
    return "–" if value is None or value != value else f"{value:,.{digits}f}"


def _clip(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]} … ({len(text) - length:,} more characters)"
