"""What each stage did with its rows, and what it asked of models, as the stages themselves counted it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from evobuild.core import tables
from evobuild.core.errors import BadInput
from evobuild.core.json_files import read_json_file
from evobuild.core.metrics import read_metrics
from evobuild.core.pools import counts_of_pool
from evobuild.core.stages import OF_BRANCHES, OF_POOLS, STAGES, file_stem
from evobuild.core.tables import REJECTS
from evobuild.models.usage import ASKED
from evobuild.reporting.params import ReportParams


class StageCounts(NamedTuple):
    """What a stage did with its rows. rows_out: without those held out. rejects: by reason.

    off: the stage is switched off.
    """

    stage: str
    name: str
    rows_in: int
    rows_out: int
    held_out: int
    rejects: dict[str, int]
    off: bool = False

    @property
    def rejected(self) -> int:
        return sum(self.rejects.values())


def read_stage_counts(
    params: ReportParams, *, counts: Path, rejects: Path, evaluation: Path
) -> dict[str, StageCounts]:
    """The counts of all stages in the order of the pipeline, by stage and round or pool: "evolve-r1".

    Those of the evaluation, "evaluate-", are made up of its files.

    Raises BadInput naming the file that is missing or not as it should be.
    """
    names = [("seed", ""), *(("evolve", name) for name in params.rounds)]
    names += [(step.name, name) for name in params.branches for step in OF_BRANCHES]
    names += [(stage, pool) for stage in OF_POOLS for pool in params.pools]
    found = {f"{stage}-{name}": read_counts(stage, name, counts) for stage, name in [*names, ("select", "")]}
    measured = read_evaluation(evaluation)["held_out"]
    reasons = tables.count_reasons(tables.read(rejects / "evaluate.parquet", REJECTS)["reason"])
    rows_in = measured["measured"] + measured["rejected"]
    return found | {"evaluate-": StageCounts("evaluate", "", rows_in, measured["measured"], 0, reasons)}


def read_counts(stage: str, name: str, counts: Path) -> StageCounts:
    """The counts of one stage. Raises BadInput as `read_stage_counts`."""
    path = counts / f"{file_stem(stage, name)}.json"
    content = counts_of_pool(read_json(path), stage, name)
    _hold(path, content, "in", "out", "rejects")
    held_out = content.get("held_out", 0)
    return StageCounts(
        stage,
        name,
        content["in"],
        content["out"] - held_out,
        held_out,
        content["rejects"],
        content.get("off", False),
    )


def asking_stages(
    rounds: Iterable[str], branches: Iterable[str], pools: Iterable[str]
) -> list[tuple[str, str]]:
    """Stages that ask chat models, in the order of the pipeline, each with its round, pool, branch or ''."""
    entries = {"rounds": list(rounds), "branches": list(branches), "pools": list(pools), "": [""]}
    return [(stage.name, name) for stage in STAGES if stage.asks for name in entries[stage.per]]


def stage_usage(counts: Path, stages: Iterable[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    """One line a stage and role: what was asked of its model; a stage that asked nothing has none.

    Raises BadInput as `read_stage_counts`.
    """
    for stage, name in stages:
        for entry in read_json(counts / f"{file_stem(stage, name)}.json").get("asked", []):
            purposes = list(entry["purposes"].values())
            sums = {key: sum(purpose[key] for purpose in purposes) for key in ASKED}
            yield {"stage": stage, "name": name, "role": entry["role"], "model": entry["model"]} | sums


def read_json(path: Path, *keys: str) -> Any:
    """Read a JSON file that has some keys. Raises BadInput naming it if it cannot be read or lacks one."""
    content = read_json_file(path)
    _hold(path, content, *keys)
    return content


def read_evaluation(path: Path) -> Any:
    """Read the figures of the evaluation. Raises BadInput as `read_json`."""
    content = read_metrics(path)
    _hold(path, content, "held_out", "loss", "perplexity")
    return content


def _hold(path: Path, content: Any, *keys: str) -> None:
    """Raise BadInput if what a file says lacks a key."""
    for key in keys:
        if content is None or key not in content:
            raise BadInput(f"{path}: the key '{key}' is missing")
