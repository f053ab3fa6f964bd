"""What each stage did with its rows, and what it asked of models, as the stages themselves counted it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from evobuild.core.errors import BadInput
from evobuild.core.json_files import read_json_file
from evobuild.core.stages import AFTER_SELECT, OF_BRANCHES, STAGES, counts_of_pool, file_stem, pool_runs
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


class CountFolders(NamedTuple):
    """Where stages leave their counts: those up to `select`, and the others, in `counts` of theirs."""

    upstream: Path
    downstream: Path

    def file(self, stage: str, name: str) -> Path:
        """The counts of a stage."""
        folder = self.downstream / "counts" if stage in AFTER_SELECT else self.upstream
        return folder / f"{file_stem(stage, name)}.json"


def read_stage_counts(params: ReportParams, counts: CountFolders) -> dict[str, StageCounts]:
    """The counts of all stages in order, by stage and round, pool, base or model: "evolve-r1".

    Raises BadInput naming the file that is missing or not as it should be.
    """
    names = [("seed", ""), *(("evolve", name) for name in params.rounds)]
    names += [(step.name, name) for name in params.branches for step in OF_BRANCHES]
    found = {f"{stage}-{name}": read_counts(stage, name, counts) for stage, name in names}
    found |= {
        run.label: read_counts(run.stage, run.name, counts, run.pool) for run in pool_runs(params.pools)
    }
    names = [("select", ""), ("gather", ""), *(("finetune", base) for base in params.bases)]
    names += [*(("evaluate", model) for model in params.evaluate.models), ("compare", "")]
    return found | {f"{stage}-{name}": read_counts(stage, name, counts) for stage, name in names}


def read_counts(stage: str, name: str, counts: CountFolders, pool: str = "") -> StageCounts:
    """Read the counts of one stage, or of one pool of it. Raises BadInput as `read_stage_counts`."""
    path = counts.file(stage, name)
    content = counts_of_pool(read_json(path), stage, pool or name)
    _hold(path, content, "in", "out", "rejects")
    held_out = content.get("held_out", 0)
    return StageCounts(
        stage,
        " ".join(dict.fromkeys(each for each in (name, pool) if each)),
        content["in"],
        content["out"] - held_out,
        held_out,
        content["rejects"],
        content.get("off", False),
    )


class Names(NamedTuple):
    """What stages are run for. evaluated: models that are asked benchmarks."""

    rounds: Iterable[str]
    branches: Iterable[str]
    pools: Iterable[str]
    measures: Iterable[str]
    evaluated: Iterable[str]


def list_calling_stages(names: Names) -> list[tuple[str, str]]:
    """Stages that ask chat models, in the order of the pipeline, each with its round, pool, … or ''."""
    kinds = ("rounds", "branches", "pools", "measures", "evaluate.models")
    entries = {kind: list(own) for kind, own in zip(kinds, names, strict=True)} | {"": [""]}
    return [(stage.name, name) for stage in STAGES if stage.asks for name in entries[stage.per]]


def stage_usage(counts: CountFolders, stages: Iterable[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    """One line a stage and role: what was asked of its model; a stage that asked nothing has none.

    Raises BadInput as `read_stage_counts`.
    """
    for stage, name in stages:
        for entry in read_json(counts.file(stage, name)).get("asked", []):
            purposes = list(entry["purposes"].values())
            sums = {key: sum(purpose[key] for purpose in purposes) for key in ASKED}
            yield {"stage": stage, "name": name, "role": entry["role"], "model": entry["model"]} | sums


def read_json(path: Path, *keys: str) -> Any:
    """Read a JSON file that has some keys. Raises BadInput naming it if it cannot be read or lacks one."""
    content = read_json_file(path)
    _hold(path, content, *keys)
    return content


def _hold(path: Path, content: Any, *keys: str) -> None:
    """Raise BadInput if what a file says lacks a key."""
    for key in keys:
        if content is None or key not in content:
            raise BadInput(f"{path}: the key '{key}' is missing")
