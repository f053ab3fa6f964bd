"""Remove outs of rounds, pools, branches, sets, bases and stages that params no longer name.

DVC hashes a folder with every file in it, so one leftover file makes dependent stages stale. Only
what DVC's cache or git holds goes; `dvc checkout` or git brings it back. All else is the user's and stays.
"""

from __future__ import annotations

import hashlib
import importlib
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from evobuild.core.declaration import Out, argument_kinds, stage_arguments
from evobuild.core.stages import Instance
from evobuild.process.terminal import log

MIXED = {Path("data"), Path("data/raw"), Path("metrics"), Path("models")}
"""Folders with more in them than outs; no stage depends on them as a whole."""
_MADE = re.compile(r"[a-z][a-z0-9_]*(-[a-z][a-z0-9_]*)?(\.(parquet|json|csv))?")


def remove_leftovers(instances: Iterable[Instance]) -> tuple[list[Path], list[Path]]:
    """Remove outs of stages that no longer exist; return the removed paths, then unknown paths, which stay.

    Args:
        instances: every stage of the current params.
    """
    outs = {out for instance in instances for out in _list_outs(instance)}
    folders = sorted({out.parent for out in outs} - MIXED)
    found = [path for folder in folders if folder.is_dir() for path in sorted(folder.iterdir())]
    strange = [path for path in found if path not in {*outs, *folders} and not path.name.startswith(".")]
    made = [path for path in strange if _MADE.fullmatch(path.name) and not path.is_symlink()]
    files = {path: files for path in made if (files := _list_files(path))}
    kept = set(_find_cached_files([file for each in files.values() for file in each]))
    gone = [path for path in files if all(file in kept or _is_in_git(file) for file in files[path])]
    for path in gone:
        for file in files[path]:
            file.unlink()
        if path.is_dir():
            path.rmdir()
    return gone, [path for path in strange if path not in gone]


def clean_leftovers(instances: Iterable[Instance]) -> None:
    """Remove leftovers and log the removed paths and the unknown ones."""
    gone, strange = remove_leftovers(instances)
    if gone:
        log(
            f"removed outs of rounds, pools, sets or stages that no longer exist: {', '.join(map(str, gone))}"
        )
    if strange:
        log(f"unknown files in folders that stages depend on: {', '.join(map(str, strange))}; move them away")


def _list_files(out: Path) -> list[Path]:
    """List an out's files: itself, or those of its folder; [] if the folder has subfolders or links."""
    if not out.is_dir():
        return [out]
    inside = sorted(out.iterdir())
    return inside if all(each.is_file() and not each.is_symlink() for each in inside) else []


def _list_outs(instance: Instance) -> Iterator[Path]:
    """List the outs of a stage, at their default paths."""
    main = importlib.import_module(f"stages.{instance.stage.name}").main
    kinds = argument_kinds(main)
    names = {name: instance.name for name, kind in kinds.items() if kind is str}
    given = stage_arguments(main, names)
    return (getattr(given, name) for name, kind in kinds.items() if kind is Out)


def _find_cached_files(paths: list[Path]) -> Iterator[Path]:
    """Yield the files whose content DVC's cache has."""
    if not paths:
        return
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        cache = Repo().cache.local
    except DvcException:
        return
    for path in paths:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        if cache.exists(digest):
            yield path


def _is_in_git(path: Path) -> bool:
    """Whether git has exactly this content, as it has committed metrics."""
    if shutil.which("git") is None:
        return False
    name = subprocess.run(["git", "hash-object", str(path)], capture_output=True, text=True, check=False)
    held = ["git", "cat-file", "-e", name.stdout.strip()]
    return not name.returncode and not subprocess.run(held, capture_output=True, check=False).returncode
