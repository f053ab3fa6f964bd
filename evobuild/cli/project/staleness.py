"""Find which stages changed scripts, prompts, params, code or libraries make stale, without writing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evobuild.cli.plan.overlay import overlaid_repo
from evobuild.core.errors import UserError
from evobuild.process.lock import LOCK

if TYPE_CHECKING:
    from dvc.stage import Stage

QUICK = "check"
"""A stage to leave out: it reads all params, takes a second, and makes no other stage stale."""


def find_stale_stages(instead: Mapping[Path, Path]) -> tuple[dict[str, list[str]], list[str]]:
    """Return the built stages that a change makes stale, with reasons; then those that may follow.

    instead: files of the project to others with their new content. Raises UserError if DVC cannot read the
    pipeline.
    """
    import networkx
    from dvc.exceptions import DvcException

    try:
        with overlaid_repo(instead) as repo, repo.lock:
            graph = repo.index.graph
            built = [stage for stage in repo.index.stages if stage.addressing != QUICK and _is_built(stage)]
            reached = {stage: reasons for stage in built if (reasons := list(_iterate_reasons(stage)))}
            after = {
                other for stage in reached for other in networkx.ancestors(graph, stage)
            } - reached.keys()
            own = {stage.addressing: reasons for stage, reasons in reached.items()}
            return own, [stage.addressing for stage in built if stage in after]
    except DvcException as error:
        raise UserError(f"DVC cannot read dvc.yaml: {' '.join(str(error).split())[:200]}") from error


def _is_built(stage: Stage) -> bool:
    return bool(stage.outs) and all(out.hash_info for out in stage.outs)


def _iterate_reasons(stage: Stage) -> Iterator[str]:
    """Yield why DVC finds a stage stale: "code", "numpy", "prompts/judge/equal.jinja", "select.by"."""
    for entry in stage.status().get(stage.addressing, ()):
        if not isinstance(entry, Mapping):
            yield str(entry)
            continue
        changed: Mapping[str, Any] = entry.get("changed deps", {})
        for path, what in changed.items():
            if path == str(LOCK):
                yield from (_name_lock_entry(key) for key in what)
            elif isinstance(what, Mapping):
                yield from what
            else:
                yield path


def _name_lock_entry(key: str) -> str:
    """Name an entry of evobuild.lock for users: "code", a library, or its kind."""
    kind, _, name = key.partition(".")
    return {"stages": "code", "libraries": name}.get(kind, kind)
