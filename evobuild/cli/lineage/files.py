"""What a file came from, as dvc.lock has it: the stage that wrote it, and its deps back to the sources."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from evobuild.cli.explain.lines import in_line
from evobuild.core.errors import UserError

Stages = Mapping[str, Any]
"""The entries of dvc.lock, by the address of their stage."""


class Written(NamedTuple):
    """A file or folder. stages: that wrote it, or into it; none of a source. size: bytes, None if unknown."""

    path: str
    md5: str
    size: int | None
    stages: tuple[str, ...]


def out_of(target: str, stages: Stages) -> Written:
    """Find the out that a path is, or that it lies in.

    Raises UserError if no stage wrote it.
    """
    path = os.path.relpath(os.path.normpath(target))
    for name, entry in stages.items():
        for out in entry.get("outs", []):
            if path == out["path"] or path.startswith(f"{out['path'].rstrip('/')}/"):
                return Written(out["path"], out.get("md5", ""), out.get("size"), (name,))
    if not stages:
        raise UserError("there is no dvc.lock here, so no stage is known to have written anything")
    source = next((dep for dep in _deps(stages) if dep["path"] == path), None)
    said = "it is a source that stages read" if source else "dvc.lock does not know it"
    raise UserError(f"{path[:200]}: no stage wrote it: {said}; expected an out, such as data/dataset.parquet")


def _deps(stages: Stages) -> Iterator[dict[str, Any]]:
    return (dep for entry in stages.values() for dep in entry.get("deps", []))


class Node(NamedTuple):
    """A file of the tree. deps: None if what it came from is told above already; () of a source."""

    file: Written
    deps: tuple[Node, ...] | None


def tree_of(out: Written, stages: Stages) -> Node:
    """Follow an out back to the sources; what was told once is not told again."""
    writers = _writers(stages)
    return _node(out, stages, writers, set())


def _writers(stages: Stages) -> dict[str, list[str]]:
    """The stages that wrote each path, or into each folder."""
    found: dict[str, list[str]] = {}
    for name, entry in stages.items():
        for out in entry.get("outs", []):
            for path in (out["path"], *map(str, Path(out["path"]).parents)):
                own = found.setdefault(path, [])
                if name not in own:
                    own.append(name)
    return found


def _node(file: Written, stages: Stages, writers: Mapping[str, list[str]], told: set[str]) -> Node:
    if not file.stages:
        return Node(file, ())
    fresh = [name for name in file.stages if name not in told]
    if not fresh:
        return Node(file, None)
    told.update(fresh)
    deps = {dep["path"]: dep for name in fresh for dep in stages[name].get("deps", [])}
    nodes = []
    for path, dep in deps.items():
        by = tuple(writers.get(path, ()))
        nodes.append(_node(Written(path, dep.get("md5", ""), dep.get("size"), by), stages, writers, told))
    return Node(file, tuple(nodes))


def tree_lines(node: Node, depth: int = 0) -> Iterator[str]:
    """Lay a tree out, a file a line, what it came from below it."""
    file = node.file
    size = "" if file.size is None else f", {file.size:,} bytes"
    by = f"  by {', '.join(file.stages)}" if file.stages else ""
    again = ", as above" if node.deps is None else ""
    yield in_line(f"{'  ' * depth}{file.path}  md5 {file.md5}{size}{by}{again}")
    for each in node.deps or ():
        yield from tree_lines(each, depth + 1)


def tree_record(node: Node) -> dict[str, Any]:
    """A tree as JSON has it; `deps` is null where it is told above already."""
    deps = None if node.deps is None else [tree_record(each) for each in node.deps]
    return {**node.file._asdict(), "deps": deps}
