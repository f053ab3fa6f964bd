"""The stages of the pipeline, in the order of dvc.yaml: what each is run for, whom it asks, what it counts.

Held against dvc.yaml by a test. What a stage leaves of a round, branch or pool is named after both,
`data/counts/respond-r1.json`; what it leaves of all, after the stage alone. Counts and rejects of stages
after `select` lie in `data/downstream/`, so that what describes the data set waits for no training.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from evobuild.core.measures import MEASURES


class Stage(NamedTuple):
    """A stage. per: the params key whose entries it is run for, one by one; '' if it runs once.

    asks: the role of the chat model that it asks most, '' for none. counts: what its counts are of.
    """

    name: str
    per: str = ""
    asks: str = ""
    counts: str = "rows"


EVALUATED = "evaluated"
"""What the models of `evaluate.models` play; no key of `models` names them."""

_MEASURING = tuple(Stage(each.stage, "" if each.once else "pools", each.asks) for each in MEASURES)

STAGES = (
    Stage("check"),
    Stage("fetch", "fetch"),
    Stage("seed"),
    Stage("resolve"),
    Stage("scratch"),
    Stage("experience"),
    Stage("optimize", asks="evolver"),
    Stage("evolve", "rounds", "evolver"),
    Stage("keywords", asks="judge"),
    Stage("augment", "branches", "evolver", "constraints proposed"),
    Stage("verifiers", "branches", "evolver", "replies with a function"),
    Stage("crosscheck", "branches", "", "constraints"),
    Stage("backtranslate", "branches", "evolver", "functions"),
    Stage("entailment", "branches", "", "constraints"),
    Stage("compose", "branches", "", "queries"),
    Stage("sample", "branches", "responder", "replies"),
    Stage("verify", "branches", "", "answers"),
    Stage("quality", "branches", "judge", "rows"),
    Stage("respond", "pools", "responder"),
    *_MEASURING,
    Stage("decontaminate", "decontaminate.sets"),
    Stage("select"),
    Stage("validate"),
    Stage("export"),
    Stage("gather"),
    Stage("finetune", "bases"),
    Stage("evaluate", "evaluate.models", EVALUATED, "items"),
    Stage("compare", asks="judge", counts="pairs of replies"),
    Stage("validate_outputs"),
    Stage("summarize"),
    Stage("report"),
)

_NAMES = [stage.name for stage in STAGES]
AFTER_SELECT = frozenset(_NAMES[_NAMES.index("select") + 1 :])
"""Stages whose counts and rejects lie in `data/downstream/`."""

OF_ALL_POOLS = frozenset(measure.stage for measure in MEASURES if measure.once)
"""Stages that take all pools in one run, since what they load costs more than what they do."""
OF_POOLS = ("respond", *(measure.stage for measure in MEASURES))
"""Stages that take a pool, or all of them, in order."""
OF_BRANCHES = tuple(stage for stage in STAGES if stage.per == "branches")
"""The steps of a branch, in order."""
LAST_OF_BRANCH = OF_BRANCHES[-1].name
"""The step that gives the pool."""
ASKED = {stage.name: stage.asks for stage in STAGES if stage.asks}
"""The stages that ask chat models, and whom they ask most."""


def file_stem(stage: str, name: str = "") -> str:
    """The name of what a stage leaves of a round, branch or pool: "respond-r1"; or of all: "score"."""
    return f"{stage}-{name}" if name and stage not in OF_ALL_POOLS else stage


def stage_address(stage: str, name: str = "") -> str:
    """What DVC calls a stage: "respond@r1", "score"."""
    return f"{stage}@{name}" if name and stage not in OF_ALL_POOLS else stage


def pool_stems(pools: Iterable[str]) -> list[str]:
    """The names of all that stages leave of some pools, in the order of the pipeline."""
    names = list(pools)
    return list(dict.fromkeys(file_stem(stage, pool) for stage in OF_POOLS for pool in names))


def pool_addresses(pools: Iterable[str]) -> list[str]:
    """What DVC calls the stages of some pools: "respond@r1", …, "score"."""
    names = list(pools)
    return list(dict.fromkeys(stage_address(stage, pool) for stage in OF_POOLS for pool in names))


def branch_addresses(branches: Iterable[str]) -> list[str]:
    """What DVC calls the steps of some branches: "augment@autoif", …"""
    return [stage_address(step.name, branch) for branch in branches for step in OF_BRANCHES]
