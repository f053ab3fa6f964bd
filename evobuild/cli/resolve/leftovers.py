"""Files of rounds, pools, branches and sets that are no more, in folders that stages depend on.

DVC takes a folder as it lies there: with a file too many, its hash is not that of a clone without it. Only
what DVC's cache holds goes; `dvc checkout` brings it back with the round. All else is the user's and stays.
"""

from __future__ import annotations

import hashlib
import importlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from evobuild.cli.resolve.settings import Instance
from evobuild.core.stage import Out, argument_kinds, stage_arguments

MIXED = {Path("data"), Path("data/raw"), Path("metrics")}
"""Folders with more in them than outs; no stage depends on them as a whole."""
_MADE = re.compile(r"[a-z][a-z0-9_]*(-[a-z][a-z0-9_]*)?\.(parquet|json)")


def remove_leftovers(instances: Iterable[Instance]) -> tuple[list[Path], list[Path]]:
    """Remove what is of no stage any more; give what went, and what lies in the way and stays.

    instances: every stage that there is.
    """
    outs = {out for instance in instances for out in _outs(instance)}
    folders = sorted({out.parent for out in outs if out.suffix} - MIXED)
    found = [path for folder in folders if folder.is_dir() for path in sorted(folder.iterdir())]
    strange = [path for path in found if path not in outs and not path.name.startswith(".")]
    files = [path for path in strange if path.is_file() and not path.is_symlink()]
    gone = list(_kept_by_dvc([path for path in files if _MADE.fullmatch(path.name)]))
    for path in gone:
        path.unlink()
    return gone, [path for path in strange if path not in gone]


def _outs(instance: Instance) -> Iterator[Path]:
    """The outs of a stage, at their default paths."""
    main = importlib.import_module(f"stages.{instance.stage.name}").main
    kinds = argument_kinds(main)
    names = {name: instance.name for name, kind in kinds.items() if kind is str}
    given = stage_arguments(main, names)
    return (getattr(given, name) for name, kind in kinds.items() if kind is Out)


def _kept_by_dvc(paths: list[Path]) -> Iterator[Path]:
    """Those of some files that DVC's cache holds."""
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
