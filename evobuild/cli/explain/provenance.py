"""What a stage's outs came from, as dvc.lock has it: values of params.yaml, seed data, prompts, the method.

dvc.lock is what was run; params.yaml and the files at hand may have changed since, and that is said.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from evobuild.core.errors import BadInput

LOCK = Path("dvc.lock")


class File(NamedTuple):
    """A file that was read or written. md5: as it was then. change: '' if it is still so, else what is."""

    path: str
    md5: str
    change: str


class Source(NamedTuple):
    """What stages of the same settings were run with. changed: outs that are others than they wrote."""

    stages: tuple[str, ...]
    params: dict[str, Any]
    files: tuple[File, ...]
    changed: tuple[File, ...]


def read(stages: Sequence[str], lock: Path = LOCK) -> list[Source]:
    """Read what stages, such as "evolve@r1", came from; those that dvc.lock lacks are left out.

    Stages with the same params and files are put together.

    Raises BadInput if dvc.lock is not as it should be.
    """
    known = _stages(lock)
    sources: list[Source] = []
    for name in stages:
        if name not in known:
            continue
        entry = known[name]
        values = (entry.get("params") or {}).get("params.yaml", {})
        files = tuple(_file(dep) for dep in entry.get("deps", []) if _is_text(dep["path"]))
        outs = [_file(out) for out in entry.get("outs", []) if out["path"].endswith((".parquet", ".txt"))]
        found = Source((name,), values, files, tuple(each for each in outs if each.change))
        same = next((each for each in sources if each[1:3] == found[1:3]), None)
        if same is None:
            sources.append(found)
        else:
            both = same._replace(stages=(*same.stages, name), changed=same.changed + found.changed)
            sources[sources.index(same)] = both
    return sources


def _stages(lock: Path) -> dict[str, Any]:
    if not lock.exists():
        return {}
    try:
        content = yaml.load(lock.read_text(encoding="utf-8"), yaml.CSafeLoader)
        return dict(content["stages"])
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise BadInput(f"{lock}: not a readable lock file of DVC: {str(error).splitlines()[0]}") from error


def _is_text(path: str) -> bool:
    """Whether a dep is a prompt, a method or seed data; code and tables are others."""
    made = ("evobuild", "stages/", "models/", "data/")
    return path.startswith("data/raw/") or path == "data/method.txt" or not path.startswith(made)


def _file(entry: dict[str, Any]) -> File:
    path, then = Path(entry["path"]), str(entry.get("md5", ""))
    now = md5(path)
    return File(str(path), then, "" if now == then else f"now {now}" if now else "not here")


def md5(path: Path) -> str:
    """Hash a file as DVC does, '' if it is not here."""
    if not path.is_file():
        return ""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
