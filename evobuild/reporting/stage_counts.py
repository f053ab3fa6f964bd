"""What each stage did with its rows, and what it asked of models, as the stages themselves counted it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from evobuild.core import branches, pools, tables
from evobuild.core.errors import BadInput
from evobuild.core.json_files import read_json_file
from evobuild.core.params import Params
from evobuild.core.tables import REJECTS

COUNTED = ("calls", "cached", "failed", "prompt_tokens", "completion_tokens")


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


def read(params: Params, counts: Path, rejects: Path, evaluation: Path) -> dict[str, Ledger]:
    """All ledgers in the order of the pipeline, by stage and round or pool, such as "evolve-r1".

    That of the evaluation, "evaluate-", is made up of its files.

    Raises BadInput naming the file that is missing or not as it should be.
    """
    names = [("seed", ""), *(("evolve", name) for name in params.rounds)]
    names += [(step, name) for name in params.branches for step in branches.STEPS]
    names += [(stage, pool) for stage in pools.STAGES for pool in params.pools]
    found = {f"{stage}-{name}": _ledger(stage, name, counts) for stage, name in [*names, ("select", "")]}
    measured = read_json(evaluation, "held_out")["held_out"]
    reasons = tables.count_reasons(tables.read(rejects / "evaluate.parquet", REJECTS)["reason"])
    rows_in = measured["measured"] + measured["rejected"]
    return found | {"evaluate-": Ledger("evaluate", "", rows_in, measured["measured"], 0, reasons)}


def _ledger(stage: str, name: str, counts: Path) -> Ledger:
    path = counts / f"{pools.stem(stage, name) if name else stage}.json"
    content = pools.of_pool(read_json(path), stage, name)
    _hold(path, content, "in", "out", "rejects")
    held_out = content.get("held_out", 0)
    return Ledger(stage, name, content["in"], content["out"] - held_out, held_out, content["rejects"])


def asking(params: Params) -> list[tuple[str, str]]:
    """Stages that ask chat models, in the order of the pipeline, each with its round, pool, branch or ''."""
    found = [("optimize", ""), *(("evolve", name) for name in params.rounds), ("keywords", "")]
    found += [(step, name) for name in params.branches for step in branches.ASKING]
    return found + [(stage, pool) for stage in ("respond", "rate") for pool in params.pools] + [("tag", "")]


def stem(stage: str, name: str) -> str:
    """The name of what a stage leaves of a round, pool or branch: "evolve-r1"; or of all: "tag"."""
    return f"{stage}-{name}" if name else stage


def usage(params: Params, folder: Path) -> Iterator[dict[str, Any]]:
    """One line a stage and role: what was asked of its model; a stage that asked nothing has none.

    Raises BadInput as `read`.
    """
    for stage, name in asking(params):
        for entry in read_json(folder / f"{stem(stage, name)}.json"):
            purposes = list(entry["purposes"].values())
            sums = {key: sum(purpose[key] for purpose in purposes) for key in COUNTED}
            yield (
                {"stage": stage, "name": name}
                | {key: entry[key] for key in ("role", "model", "seconds")}
                | sums
            )


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
