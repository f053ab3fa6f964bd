"""A small line that is built once in a run of the tests, by the worker that needs it first, and copied."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

import pytest
import workspace


def copy_line(factory: pytest.TempPathFactory, target: Path) -> Path:
    """Copy a clone in which `dvc repro` has run, its lock and metrics committed, to a new folder.

    DVC's cache is hard links: DVC writes no file of it twice.
    """
    line = _build_once(factory)
    cache = f"{line / '.dvc/cache/files'}/"

    def copy(source: str, copied: str) -> None:
        (os.link if source.startswith(cache) else shutil.copy2)(source, copied)

    return Path(shutil.copytree(line, target, symlinks=True, copy_function=copy))


def _build_once(factory: pytest.TempPathFactory) -> Path:
    """Build the line unless another worker of this run has; what it leaves is read only by copies."""
    own = factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    line = shared / "line"
    with (shared / "line.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not line.exists():
            root = workspace.make(shared / "building")
            workspace.run(root, "dvc", "repro")
            workspace.run(root, "git", "add", "-A")
            workspace.run(root, "git", "commit", "-q", "-m", "Build")
            root.rename(line)
    return line
