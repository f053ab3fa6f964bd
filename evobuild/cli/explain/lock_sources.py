"""Read from dvc.lock what a stage's outs were built from: params, seed data, prompts, the method.

dvc.lock records what was run. Files that have changed since are marked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from evobuild.core.errors import BadInput, BadParams
from evobuild.core.yaml_files import read_yaml

LOCK = Path("dvc.lock")


class File(NamedTuple):
    """A file that was read or written. md5: at that time. change: '' if unchanged, else its current state."""

    path: str
    md5: str
    change: str


class Source(NamedTuple):
    """The inputs of stages that ran with the same params and files. changed: outs that differ from theirs."""

    stages: tuple[str, ...]
    params: dict[str, Any]
    files: tuple[File, ...]
    changed: tuple[File, ...]


def read_sources(stages: Sequence[str], lock: Path = LOCK) -> list[Source]:
    """Read the inputs of stages such as "evolve@r1"; stages that dvc.lock lacks are left out.

    Stages with the same params and files are merged.

    Raises BadInput if dvc.lock is not as it should be.
    """
    known = read_locked_stages(lock)
    sources: list[Source] = []
    for name in stages:
        if name not in known:
            continue
        found = _build_source(name, known[name])
        same = next((each for each in sources if each[1:3] == found[1:3]), None)
        if same is None:
            sources.append(found)
        else:
            both = same._replace(stages=(*same.stages, name), changed=same.changed + found.changed)
            sources[sources.index(same)] = both
    return sources


def _build_source(name: str, entry: dict[str, Any]) -> Source:
    values = (entry.get("params") or {}).get("params.yaml", {})
    deps = [file for dep in entry.get("deps", []) if _is_text(dep["path"]) for file in _list_files(dep)]
    outs = [_build_file(out) for out in entry.get("outs", []) if out["path"].endswith((".parquet", ".txt"))]
    return Source((name,), values, tuple(deps), tuple(out for out in outs if out.change))


def read_locked_stages(lock: Path = LOCK) -> dict[str, Any]:
    """Read the stages of dvc.lock, by address; {} without the file. Raises BadInput if it is malformed."""
    if not lock.exists():
        return {}
    try:
        return dict(read_yaml(lock)["stages"])
    except (BadParams, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{lock}: not a readable lock file of DVC: {str(error).splitlines()[0]}") from error


def _is_text(path: str) -> bool:
    """Whether a dep is a prompt, a method or seed data, not code or a table."""
    made = ("evobuild", "stages/", "models/", "data/")
    return path.startswith("data/raw/") or path == "data/method.txt" or not path.startswith(made)


def _list_files(dep: dict[str, Any]) -> list[File]:
    """List a dep's file; for an unchanged folder, each of its files."""
    file = _build_file(dep)
    if file.change or not Path(file.path).is_dir():
        return [file]
    return [File(str(path), compute_dvc_md5(path), "") for path in _list_folder(Path(file.path))]


def _build_file(entry: dict[str, Any]) -> File:
    path, then = Path(entry["path"]), str(entry.get("md5", ""))
    now = compute_dvc_md5(path)
    return File(str(path), then, "" if now == then else f"now {now}" if now else "not here")


def compute_dvc_md5(path: Path) -> str:
    """Hash a file or folder as DVC does; '' if it is missing."""
    if path.is_file():
        return _hash_bytes(path.read_bytes())
    if not path.is_dir():
        return ""
    files = {file.relative_to(path).as_posix(): compute_dvc_md5(file) for file in _list_folder(path)}
    listed = [{"md5": files[relpath], "relpath": relpath} for relpath in sorted(files)]
    return _hash_bytes(json.dumps(listed).encode()) + ".dir"


def _hash_bytes(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _list_folder(path: Path) -> list[Path]:
    return sorted(file for file in path.rglob("*") if file.is_file())
