"""Trace a file in dvc.lock: the stage that wrote it, and its deps back to the sources."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from evobuild.cli.explain.quoting import to_one_line
from evobuild.core.errors import UserError

Stages = Mapping[str, Any]
"""The entries of dvc.lock, by the address of their stage."""

SHORT = 8
"""Digits of an MD5 that was already shown in full."""


class Written(NamedTuple):
    """A file or folder. stages: those that wrote it, or into it; () for a source. size: bytes, None if
    unknown.
    """

    path: str
    md5: str
    size: int | None
    stages: tuple[str, ...]


def find_out(target: str, stages: Stages) -> Written:
    """Find the out at a path, or the one that contains it.

    Raises UserError if no stage wrote it.
    """
    path = os.path.relpath(os.path.normpath(target))
    for name, entry in stages.items():
        for out in entry.get("outs", []):
            if path == out["path"] or path.startswith(f"{out['path'].rstrip('/')}/"):
                return Written(out["path"], out.get("md5", ""), out.get("size"), (name,))
    if not stages:
        raise UserError("there is no dvc.lock here, so no stage is known to have written anything")
    is_source = any(dep["path"] == path for dep in _iterate_deps(stages))
    said = "it is a source that stages read" if is_source else "dvc.lock does not know it"
    raise UserError(f"{path[:200]}: no stage wrote it: {said}; expected an out, such as data/dataset.parquet")


def _iterate_deps(stages: Stages) -> Iterator[dict[str, Any]]:
    return (dep for entry in stages.values() for dep in entry.get("deps", []))


class Node(NamedTuple):
    """A file of the tree and its deps; () for a source. again: deps whose stages are listed above already."""

    file: Written
    deps: tuple[Node, ...]
    again: tuple[Written, ...] = ()


def build_tree(out: Written, stages: Stages) -> Node:
    """Follow an out back to the sources; each stage is followed once."""
    return _build_node(out, stages, _index_writers(stages), set())


def _index_writers(stages: Stages) -> Callable[[str], tuple[str, ...]]:
    """Return a function from a path to the stages that wrote it, wrote into it, or wrote its folder."""
    outs = {out["path"]: name for name, entry in stages.items() for out in entry.get("outs", [])}
    within: dict[str, dict[str, None]] = {}
    for out, name in outs.items():
        for folder in Path(out).parents:
            within.setdefault(str(folder), {})[name] = None

    def writers(path: str) -> tuple[str, ...]:
        around = next(
            (outs[str(each)] for each in (Path(path), *Path(path).parents) if str(each) in outs), ""
        )
        return (around,) if around else tuple(within.get(path, ()))

    return writers


def _build_node(
    file: Written, stages: Stages, writers: Callable[[str], tuple[str, ...]], told: set[str]
) -> Node:
    fresh = [name for name in file.stages if name not in told]
    told.update(fresh)
    deps = {dep["path"]: dep for name in fresh for dep in stages[name].get("deps", [])}
    nodes, again = [], []
    for path, dep in deps.items():
        own = Written(path, dep.get("md5", ""), dep.get("size"), writers(path))
        if own.stages and told.issuperset(own.stages):
            again.append(own)
        else:
            nodes.append(_build_node(own, stages, writers, told))
    return Node(file, tuple(nodes), tuple(again))


def format_tree(node: Node, depth: int = 0) -> Iterator[str]:
    """Yield one line per file of a tree, with its deps indented below it."""
    file, margin = node.file, "  " * depth
    size = "" if file.size is None else f", {file.size:,} bytes"
    by = f"  by {', '.join(file.stages)}" if file.stages else ""
    yield to_one_line(f"{margin}{file.path}  md5 {file.md5}{size}{by}")
    for each in node.deps:
        yield from format_tree(each, depth + 1)
    if node.again:
        also = ", ".join(f"{each.path} {each.md5[:SHORT]}" for each in node.again)
        yield to_one_line(f"{margin}  and, of stages above, {also}")


def build_tree_record(node: Node) -> dict[str, Any]:
    """Build the JSON form of a tree."""
    again = [each._asdict() for each in node.again]
    return {**node.file._asdict(), "deps": [build_tree_record(each) for each in node.deps], "again": again}
