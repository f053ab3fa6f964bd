"""A source that grows, and what its line asks of models stage by stage, before and after.

Stages run in this process, with the simulated models and one reply cache. A call is new if the store had no
reply to it.
"""

from __future__ import annotations

import importlib
import json
import os
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import chdir
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import workspace

from evobuild.core import metrics
from evobuild.core.chat import Reply, Request
from evobuild.core.stage import call_stage
from evobuild.models.client import Model

OWN = {"own": "prompts/evolve/own.txt"}
BRANCH = "autoif"
ASKING = ("augment", "verifiers", "crosscheck", "backtranslate", "entailment", "compose")
ANSWERING = ("sample", "verify", "quality")

STRATEGIES: dict[str, dict[str, Any]] = {
    "auto, e*": {"evolve": {"strategy": "auto", "method": "optimized"}},
    "auto, e0": {"evolve": {"strategy": "auto", "method": "e0"}},
    "evol": {"evolve": {"strategy": "evol"}},
    "autoif": {},
}
"""Params of each strategy, by section."""
LINE: dict[str, Any] = {
    "models": {"embedder": None, "tagger": "simulated:large"},
    "respond": {"seed_answers": "replace"},
    "branches": {},
}
"""Params of all, so that each stage that can ask does."""

Record = dict[str, str]
Stage = tuple[str, dict[str, str]]


class Build(NamedTuple):
    """What a build asked. asked, new: calls by stage. method: the text of e*; held_out, r0: ids."""

    asked: dict[str, int]
    new: dict[str, int]
    method: str
    held_out: set[str]
    r0: set[str]

    @property
    def shares(self) -> dict[str, float]:
        """The share of new calls by stage."""
        return {name: self.new[name] / count for name, count in self.asked.items()}

    @property
    def worst(self) -> tuple[float, str]:
        """The largest share of new calls in any stage, and that stage."""
        return max((share, name) for name, share in self.shares.items())


def made_records(count: int, seed: int = 0) -> list[Record]:
    """Seed records of four domains, unlike each other; but each 40th is much like an earlier one."""
    draw, found = random.Random(seed), list[Record]()
    words = [
        f"{first}{last}" for first in "bdfgklmnprstv" for last in ("ake", "oni", "ure", "ist", "ant", "el")
    ]
    for number in range(count):
        if found and number % 40 == 39:
            found.append(found[-20] | {"instruction": found[-20]["instruction"] + " Be brief."})
            continue
        text = " ".join(draw.choices(words, k=draw.randint(8, 20)))
        domain = ("chat", "math", "code", "geo")[number % 4]
        found.append({"instruction": f"Explain {text}.", "input": "", "output": f"{text}.", "domain": domain})
    return found


def put_in(records: Sequence[Record], more: Sequence[Record], where: str) -> list[Record]:
    """Add records at the end, at the front, or at random places."""
    if where == "random":
        found, draw = list(records), random.Random(len(records))
        for record in more:
            found.insert(draw.randrange(len(found) + 1), record)
        return found
    return [*records, *more] if where == "end" else [*more, *records]


def lay_out(root: Path, strategy: str, rounds: int, changes: Mapping[str, Any] | None = None) -> None:
    """Lay a project out that evolves by a strategy for so many rounds."""
    workspace.lay_out(root)
    workspace.change_params(root, LINE | STRATEGIES[strategy])
    names = _names(rounds)
    pools = [BRANCH] if strategy == BRANCH else names
    parents = {name: {"parent": parent} for parent, name in pairwise(names)}
    workspace.change_params(root, {"rounds": parents, "pools": {pool: {} for pool in pools}})
    workspace.change_params(root, changes or {})


def _names(rounds: int) -> list[str]:
    return [f"r{number}" for number in range(rounds + 1)]


def stages(strategy: str, rounds: int) -> Iterator[Stage]:
    """The stages that ask models, and those between, in their order."""
    yield "seed", {"source": "data/raw/grown.jsonl"}
    pools = _names(rounds)
    if strategy == BRANCH:
        more = {
            "augment": {"seeds": "data/raw/constraints.txt"},
            "compose": {"file": "data/raw/sample.jsonl"},
        }
        for name in (*ASKING, *ANSWERING):
            yield name, {"branch": BRANCH} | more.get(name, {})
        pools = [BRANCH]
    else:
        yield "optimize", OWN
        for parent, name in pairwise(pools):
            yield "evolve", OWN | {"round": name, "parent": parent}
        yield "keywords", {}
    for pool in pools:
        yield "respond", {"pool": pool}
        yield "rate", {"pool": pool}
    yield "tag", {}


def build(root: Path, records: Sequence[Record], strategy: str) -> Build:
    """Run the line of a strategy on a source; the project keeps its replies from one build to the next."""
    lines = "".join(f"{json.dumps(record)}\n" for record in records)
    (root / "data/raw/grown.jsonl").write_text(lines)
    asked, new = Counter[str](), Counter[str]()
    store = {"EVOBUILD_STORE": str(root / "replies.sqlite")}
    with chdir(root), mock.patch.dict(os.environ, store):
        metrics.write_label(Path("data/label.txt"), metrics.DRY_RUN)
        for name, given in stages(strategy, len(workspace.params(root)["rounds"])):
            what = " ".join([name, *(given[key] for key in ("round", "pool") if key in given)])
            with mock.patch.object(Model, "generate", _counting(what, asked, new)):
                call_stage(importlib.import_module(f"stages.{name}").main, Path("params.yaml"), given)
    return Build(
        asked=dict(asked),
        new=dict(new),
        method=(root / "data/method.txt").read_text() if strategy == "auto, e*" else "",
        held_out=workspace.ids(root / "data/held_out.parquet"),
        r0=workspace.ids(root / "data/rounds/r0.parquet"),
    )


def _counting(stage: str, asked: Counter[str], new: Counter[str]) -> Callable[..., Iterator[Reply]]:
    """The chat client's `generate`, counting what it is asked and what of it is not stored."""
    generate = Model.generate

    def counting(model: Model, requests: Iterable[Request]) -> Iterator[Reply]:
        for reply in generate(model, requests):
            asked[stage] += 1
            new[stage] += not reply.cached
            yield reply

    return counting
