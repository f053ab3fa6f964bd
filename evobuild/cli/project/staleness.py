"""Which stages another library, scripts, prompts or params make stale, and why; nothing is written."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from evobuild.core.errors import UserError
from evobuild.core.json_files import read_json_file
from evobuild.core.library import LOCK
from evobuild.process.dvc_state import open_repo

if TYPE_CHECKING:
    from dvc.stage import Stage

SETTINGS = "data/settings/"
QUICK = {"check", "resolve"}
"""Stages that read everything, take a second, and make nothing else stale."""


class Changed(NamedTuple):
    """What changes: folders of the library, other libraries, files of the project, keys of params.yaml."""

    folders: set[str]
    libraries: set[str]
    files: set[str]
    params: set[str]


def stale_stages(changed: Changed) -> tuple[dict[str, list[str]], list[str]]:
    """Give the stages that were built and that a change reaches, with its reasons; and those that follow.

    Raises UserError if DVC cannot read the pipeline.
    """
    import networkx
    from dvc.exceptions import DvcException

    try:
        with open_repo() as repo:
            graph = repo.index.graph
            built = [
                stage for stage in repo.index.stages if stage.addressing not in QUICK and _is_built(stage)
            ]
            reached = {stage: reasons for stage in built if (reasons := list(_reasons(stage, changed)))}
            after = {
                other for stage in reached for other in networkx.ancestors(graph, stage)
            } - reached.keys()
            own = {stage.addressing: reasons for stage, reasons in reached.items()}
            return own, [stage.addressing for stage in built if stage in after]
    except DvcException as error:
        raise UserError(f"DVC cannot read dvc.yaml: {' '.join(str(error).split())[:200]}") from error


def _is_built(stage: Stage) -> bool:
    return bool(stage.outs) and all(out.hash_info for out in stage.outs)


def _reasons(stage: Stage, changed: Changed) -> Iterator[str]:
    """Why a stage is stale: "library: core, evolution", "stages/evolve.py", "params.yaml: select.by"."""
    own = Changed(set(), set(), set(), set())
    for dep in stage.deps:
        path, keys = dep.def_path, getattr(dep, "params", None)
        if path == str(LOCK):
            names = set(keys or ())
            own.folders.update(names & changed.folders)
            own.libraries.update(changed.libraries if "libraries" in names else ())
        elif keys is not None:
            own.params.update(_under(keys, changed.params))
        elif path.startswith(SETTINGS) and Path(path).is_file():
            _read_settings(read_json_file(Path(path)), changed, own)
        else:
            own.files.update(name for name in changed.files if f"{name}/".startswith(f"{path}/"))
    if own.folders:
        yield f"library: {', '.join(sorted(own.folders))}"
    yield from sorted(own.files)
    if own.libraries:
        yield f"other libraries: {', '.join(sorted(own.libraries))}"
    if own.params:
        yield f"params.yaml: {', '.join(sorted(own.params))}"


def _read_settings(settings: Mapping[str, Any], changed: Changed, own: Changed) -> None:
    """Add what a stage reads under its settings."""
    own.folders.update(name for name in changed.folders if f"evobuild/{name}" in settings.get("code", {}))
    own.files.update({*settings["prompts"], *settings["files"]} & changed.files)
    own.libraries.update({*settings["libraries"]} & changed.libraries)
    own.params.update(_under(leaves(settings["params"]), changed.params))


def _under(keys: Collection[str], changed: Collection[str]) -> set[str]:
    """Changed keys that are, hold or lie under one of some keys."""
    return {
        each
        for each in changed
        for key in keys
        if f"{each}.".startswith(f"{key}.") or f"{key}.".startswith(f"{each}.")
    }


def leaves(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Values by dotted key: {"select.by": "ifd"}."""
    found: dict[str, Any] = {}
    for key, value in content.items():
        found |= (
            leaves(value, f"{prefix}{key}.")
            if isinstance(value, dict) and value
            else {f"{prefix}{key}": value}
        )
    return found
