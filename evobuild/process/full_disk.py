"""What to say where a disk is full, soon will be, or may only be read: which folder's, and what to do."""

from __future__ import annotations

import configparser
import errno
import os
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT)
WRITTEN = ("data", ".evobuild")
"""Folders that stages write, beside that of temporary files."""
SCRATCH = ".evobuild/tmp"
"""Folder of scratch files where TMPDIR is not set."""
ROOM = 64 << 20
"""Bytes left on a disk that is not the full one: what was removed after the error leaves about a spill."""


def is_full_disk(error: Exception) -> bool:
    """Whether an error of Python, polars or Arrow says that a disk, or a quota, is full."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in FULL
    return any(os.strerror(number) in str(error) for number in FULL)


def explain_full_disk(path: str | os.PathLike[str] | None) -> str:
    """Explain a full disk in two lines. path: what could not be written; None: not known."""
    folder = _existing_folder(Path(path)) if path else _fullest_folder()
    free = shutil.disk_usage(folder).free
    if not path and free > ROOM:
        return "the disk that the output goes to is full; free space there, then run the same command again"
    todo = "free space there"
    if any(folder.is_relative_to(each) for each in (tempfile.gettempdir(), Path.cwd() / SCRATCH)):
        todo += ", or set TMPDIR to a folder on another disk"
    return (
        f"{folder}: its disk is full ({free / 2**20:,.1f} MiB left)\n"
        f"Replies and finished stages are kept: {todo}, then run the same command again"
    )


def explain_read_only(path: str | os.PathLike[str] | None) -> str:
    """Explain a read-only file system in two lines. path: what could not be written; None: not known."""
    folder = _existing_folder(Path(path)) if path else Path.cwd()
    return (
        f"{folder}: cannot be written, its file system is read-only\n"
        "Build in a copy of the project on another file system, or mount this one writable"
    )


def _existing_folder(path: Path) -> Path:
    whole = Path.cwd() / path
    return next(folder for folder in (whole, *whole.parents) if folder.is_dir())


def _fullest_folder() -> Path:
    """Find the folder with the least free space, among those that a stage writes."""
    folders = [Path(tempfile.gettempdir()), *(Path.cwd() / name for name in WRITTEN)]
    return min((each for each in folders if each.is_dir()), key=lambda each: shutil.disk_usage(each).free)


def dvc_cache_warning(outs: Iterable[Path]) -> str:
    """Warn if DVC's cache has less space left than the outputs take that DVC will copy into it; '' if not."""
    cache = _dvc_cache()
    if not cache.is_dir():
        return ""
    files = (file for out in outs for file in ([out] if out.is_file() else out.rglob("*")))
    size, free = sum(file.stat().st_size for file in files), shutil.disk_usage(cache).free
    if size <= free:
        return ""
    return (
        f"warning: {cache}: DVC copies {size / 2**20:,.1f} MiB into it, and its disk has {free / 2**20:,.1f} "
        "left; if DVC fails now, free space there and run the same command again: replies are kept"
    )


def _dvc_cache() -> Path:
    """Locate DVC's cache: by the local configuration, the repository's, or DVC's default."""
    for name in ("config.local", "config"):
        config = configparser.ConfigParser()
        with suppress(OSError, configparser.Error):
            config.read(Path(".dvc", name), encoding="utf-8")
            if folder := config.get("cache", "dir", fallback=""):
                return Path(".dvc", folder)
    return Path(".dvc/cache")
