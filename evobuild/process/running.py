"""Which stages run now: a file each in `.evobuild/running`, locked as long as the stage's process lives.

A file that nobody locks was left by a process that was killed, and counts as none.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, TextIO

from evobuild.core.machine import repository_root
from evobuild.core.private_files import private_file


class Running(NamedTuple):
    """A stage that runs. stage: as DVC calls it. started: UTC, ISO 8601."""

    stage: str
    started: str


def folder() -> Path:
    """Locate the folder of the files, in this repository, also under --temp and --queue ($DVC_ROOT)."""
    return repository_root() / ".evobuild" / "running"


@contextmanager
def mark_running(stage: str) -> Iterator[None]:
    """Have others see that a stage runs. On a full or read-only disk nobody sees it, and the stage runs."""
    file = None
    with suppress(OSError):
        file = _mark(Running(stage, datetime.now(UTC).isoformat(timespec="seconds")))
    try:
        yield
    finally:
        if file is not None:
            Path(file.name).unlink(missing_ok=True)
            file.close()


def _mark(mark: Running) -> TextIO:
    """Write the file of this process, and lock it while it is open."""
    file = private_file(folder() / f"{os.getpid()}.json").open("w", encoding="utf-8")
    fcntl.flock(file, fcntl.LOCK_EX)
    json.dump(mark._asdict(), file)
    file.flush()
    return file


def running_stages() -> list[Running]:
    """List the stages that run now, the earliest start first."""
    found = []
    for path in sorted(folder().glob("*.json")):
        with suppress(OSError, ValueError, TypeError), path.open(encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                found.append(Running(**json.load(file)))
    return sorted(found, key=lambda mark: mark.started)
