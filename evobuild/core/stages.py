"""The stages of the pipeline, in the order of dvc.yaml: what each is run for, whom it asks, what it counts.

Derived from what the scripts declare. Outputs for one round, branch or pool are named after the stage and it,
`data/counts/respond-r1.json`; outputs for all of them, after the stage alone. Counts and rejects of stages
after `select` are in `data/downstream/`, so that what describes the dataset waits for no training.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from evobuild.core.measures import BUILT_IN, DECLARED_STAGE, all_measures

FILE = Path(__file__).with_name("stages.json")
"""Name, per, asks and counts of each stage; `evobuild pipeline` writes it from the scripts."""


class Stage(NamedTuple):
    """A stage of the roster: `core/declaration.py` has what its fields mean."""

    name: str
    per: str
    asks: str
    counts: str


STAGES = tuple(Stage(*each) for each in json.loads(FILE.read_text(encoding="utf-8")))

_NAMES = [stage.name for stage in STAGES]
AFTER_SELECT = frozenset(_NAMES[_NAMES.index("select") + 1 :])
"""Stages whose counts and rejects are in `data/downstream/`."""

OF_ALL_POOLS = frozenset(measure.stage for measure in BUILT_IN if measure.once)
"""Stages that take all pools in one run, since what they load costs more than what they do."""
COUNTED_BY_POOL = OF_ALL_POOLS | {DECLARED_STAGE}
"""Stages whose counts are a mapping from pool to counts."""
OF_BRANCHES = tuple(stage for stage in STAGES if stage.per == "branches")
"""The steps of a branch, in order."""
LAST_OF_BRANCH = OF_BRANCHES[-1].name
"""The step that gives the pool."""
ASKED = {stage.name: stage.asks for stage in STAGES if stage.asks}
"""The stages that ask chat models, and whom they ask most."""


class Instance(NamedTuple):
    """A stage, or one of those that are made of it. name: its round, pool, branch or set; '' for none."""

    stage: Stage
    name: str

    @property
    def stem(self) -> str:
        """The name of its files."""
        return file_stem(self.stage.name, self.name)


def counts_of_pool(content: Mapping[str, Any], stage: str, pool: str) -> Any:
    """Get a pool's counts from a stage's file of counts; None if the file lacks the pool."""
    return content.get(pool) if stage in COUNTED_BY_POOL else content


def stage_instances(values: Mapping[str, Any]) -> Iterator[Instance]:
    """List every stage with every name that it runs for, in order. values: raw params."""
    for stage in STAGES:
        names: Any = values if stage.per else [""]
        for key in stage.per.split(".") if stage.per else ():
            names = names[key]
        yield from (Instance(stage, str(name)) for name in names)


def file_stem(stage: str, name: str = "") -> str:
    """Name a stage's file for a round, branch or pool: "respond-r1"; or for all: "score"."""
    return f"{stage}-{name}" if name and stage not in OF_ALL_POOLS else stage


def stage_address(stage: str, name: str = "") -> str:
    """Format a stage's name in DVC: "respond@r1", "score"."""
    return f"{stage}@{name}" if name and stage not in OF_ALL_POOLS else stage


class PoolRun(NamedTuple):
    """What a stage did for a pool. name: what its instance runs for: the pool, a declared measure, or ''."""

    stage: str
    name: str
    pool: str

    @property
    def label(self) -> str:
        """Its name among those of all stages: "score-r1", "measure-clarity-r1"."""
        return "-".join(dict.fromkeys(part for part in self if part))


def pool_runs(pools: Iterable[str]) -> list[PoolRun]:
    """Give what `respond` and the stages of all measures did for some pools, in the order of the pipeline."""
    stages = [("respond", ""), *((measure.stage, measure.name) for measure in all_measures())]
    names = list(pools)
    return [PoolRun(stage, own or pool, pool) for stage, own in stages for pool in names]


def pool_stems(pools: Iterable[str]) -> list[str]:
    """Give the names of all files that stages leave of some pools, in the order of the pipeline."""
    return list(dict.fromkeys(file_stem(run.stage, run.name) for run in pool_runs(pools)))


def pool_addresses(pools: Iterable[str]) -> list[str]:
    """List the DVC names of some pools' stages: "respond@r1", …, "score"."""
    return list(dict.fromkeys(stage_address(run.stage, run.name) for run in pool_runs(pools)))


def branch_addresses(branches: Iterable[str]) -> list[str]:
    """List the DVC names of some branches' stages: "augment@autoif", …"""
    return [stage_address(step.name, branch) for branch in branches for step in OF_BRANCHES]
