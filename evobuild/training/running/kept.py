"""Trainings that ended, kept so that a stage that reruns without need trains nothing again.

They are in `.evobuild/trainings/<base>-<key>/`, the newest KEPT of each base, as hard links to the weights:
while DVC's cache holds these they take no more room. The key is of everything that decides what is learnt,
the code of a training among it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from evobuild.core.json_files import write_json
from evobuild.core.machine import repository_root
from evobuild.core.private_files import private_folder
from evobuild.process.terminal import log

KEPT = 2
WEIGHTS, RESULT = "weights", "result.json"
_is_used: ContextVar[bool] = ContextVar("is_used", default=False)


@contextmanager
def used() -> Iterator[None]:
    """Read a training inside that was run before, and keep each one that is run."""
    token = _is_used.set(True)
    try:
        yield
    finally:
        _is_used.reset(token)


def restore(base: str, key: str, folder: Path) -> dict[str, Any] | None:
    """Copy the weights of a training into a folder and give its result; None if it is not kept."""
    found = _folder(base, key)
    if not _is_used.get() or not (found / RESULT).is_file():
        return None
    shutil.copytree(found / WEIGHTS, folder, dirs_exist_ok=True, copy_function=shutil.copyfile)
    log(f"{base}: trained before on the same examples with the same settings and code; read from {found}")
    result: dict[str, Any] = json.loads((found / RESULT).read_text(encoding="utf-8"))
    return result


def keep(base: str, key: str, folder: Path, result: Mapping[str, Any]) -> None:
    """Keep what a training wrote into a folder, with its result, where the file system has hard links."""
    if not _is_used.get():
        return
    target = _folder(base, key)
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    try:
        private_folder(partial.parent)
        shutil.copytree(folder, partial / WEIGHTS, copy_function=os.link)
        write_json(partial / RESULT, result)
        partial.rename(target)
    except OSError:
        shutil.rmtree(partial, ignore_errors=True)
    every = [path for path in target.parent.glob(f"{base}-*") if not path.name.endswith(".partial")]
    for old in sorted(every, key=lambda path: path.stat().st_mtime)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def _folder(base: str, key: str) -> Path:
    return repository_root() / ".evobuild" / "trainings" / f"{base}-{key}"
