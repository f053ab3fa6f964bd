"""Let DVC see other content in a few files of the workspace, without changing them on disk."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evobuild.process.dvc_state import open_repo

if TYPE_CHECKING:
    from dvc.repo import Repo


@contextmanager
def overlaid_repo(instead: Mapping[Path, Path]) -> Iterator[Repo]:
    """Open DVC's repository. instead: maps files to others, whose content and mtime DVC sees in their
    place.
    """
    from dvc.fs import LocalFileSystem

    places = {os.path.realpath(path): str(other) for path, other in instead.items()}

    class Overlay(LocalFileSystem):  # type: ignore[misc]
        """The local file system, with some paths redirected."""

        def open(self, path: str, *args: Any, **options: Any) -> Any:
            return super().open(_place(path), *args, **options)

        def info(self, path: Any, **options: Any) -> Any:
            several = isinstance(path, list)
            return super().info([_place(each) for each in path] if several else _place(path), **options)

    def _place(path: str) -> str:
        return places.get(os.path.normpath(Path.cwd() / path), path)

    with open_repo(Overlay() if places else None) as repo:
        yield repo
