"""Scratch folders: what a stage needs on disk while it runs, and what a killed one has left.

A stage's are in `.evobuild/tmp/<stage>/<process>`, or below $TMPDIR if that is set, in `evobuild-<user>`. The
folder of a process is locked as long as the process lives; the next start of the stage removes those that
nobody locks. Elsewhere, as in a notebook, a scratch folder is one of Python's temporary folders.

Half-written outputs are no scratch: they are beside the output, since only within a file system a rename is
atomic, and each start of the stage replaces its own (`outs`).
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from evobuild.core.errors import UserError
from evobuild.core.machine import repository_root
from evobuild.core.private_files import private_folder
from evobuild.process.full_disk import SCRATCH

_stage: ContextVar[_StageScratch | None] = ContextVar("_stage", default=None)


@contextmanager
def stage_scratch(stage: str) -> Iterator[None]:
    """Sweep what killed runs of a stage have left; in this block, make scratch folders in one folder."""
    scratch = _StageScratch(stage)
    scratch.sweep()
    token = _stage.set(scratch)
    try:
        yield
    finally:
        _stage.reset(token)
        scratch.remove()


class ScratchFolder:
    """A folder that is removed with the block or this object; after a kill, at the stage's next start."""

    def __init__(self) -> None:
        scratch = _stage.get()
        made = tempfile.mkdtemp(prefix="evobuild-", dir=scratch.folder() if scratch else None)
        self.path = Path(made)
        self.remove = weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        self.remove()


class _StageScratch:
    """The scratch of one run of a stage: a folder made when it is first needed."""

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._own: Path | None = None
        self._held = ExitStack()

    def folder(self) -> Path:
        """Get the folder of this process."""
        if self._own is None:
            of_stage = private_folder(_root() / self._stage)
            with _locked(of_stage):
                self._own = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=of_stage))
                self._held.enter_context(_locked(self._own))
        return self._own

    def sweep(self) -> None:
        """Remove folders whose process is gone. On a disk that cannot be written nothing is removed."""
        of_stage = _root() / self._stage
        if not of_stage.is_dir():
            return
        # So that none is removed between being made and being locked.
        with suppress(OSError), _locked(of_stage):
            for folder in of_stage.iterdir():
                with suppress(OSError), _locked(folder, wait=False):
                    shutil.rmtree(folder)

    def remove(self) -> None:
        """Remove the folder of this process."""
        if self._own:
            shutil.rmtree(self._own, ignore_errors=True)
        self._held.close()


def _root() -> Path:
    if not (given := os.environ.get("TMPDIR")):
        return repository_root() / SCRATCH
    root = Path(given, f"evobuild-{os.getuid()}")
    with suppress(FileExistsError):
        root.mkdir(mode=0o700)
    found = root.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise UserError(
            f"{root}: expected a folder of yours alone; remove it, or set TMPDIR to another folder"
        )
    return root


@contextmanager
def _locked(folder: Path, wait: bool = True) -> Iterator[None]:
    """Lock a folder. Raises BlockingIOError if another process has, and is not waited for."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)
