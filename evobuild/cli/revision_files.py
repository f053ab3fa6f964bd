"""Fetch files of another revision or experiment one by one from git and DVC, without a checkout."""

from __future__ import annotations

from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from evobuild.core.errors import UserError


class RevisionFiles:
    """The files of a revision, fetched on demand into a temporary folder.

    revision: a commit, branch or tag of git, or the name of an experiment of DVC.
    """

    def __init__(self, revision: str) -> None:
        self.revision = revision
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @cached_property
    def _folder(self) -> Path:
        return Path(self._open.enter_context(TemporaryDirectory()))

    @cached_property
    def _files(self) -> Any:
        from dvc.api import DVCFileSystem

        return DVCFileSystem(".", rev=self.revision)

    def fetch_file(self, name: str) -> Path:
        """Fetch a file and return its local path.

        Raises UserError if the revision does not have it, or DVC's cache and remote lack it.
        """
        from dvc.exceptions import DvcException
        from dvc.scm import map_scm_exception

        target = self._folder / name
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                with map_scm_exception():
                    self._files.get_file(name, str(target))
            except (DvcException, OSError) as error:
                target.unlink(missing_ok=True)
                said = " ".join(str(error).split())[:120]
                raise UserError(
                    f"{self.revision}: {name} cannot be read ({said}); {self._advice()}"
                ) from error
        return target

    def _advice(self) -> str:
        return "expected a revision or an experiment that was built, its files in DVC's cache or remote"
