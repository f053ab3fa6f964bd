"""Where the caches lie: one beside the other, outside all DVC outs, so that every stage finds the same."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from evobuild.core import machine

REPLIES, MEASUREMENTS = "replies.sqlite", "measurements.sqlite"

_folder: ContextVar[Path | None] = ContextVar("folder", default=None)


@contextmanager
def kept_in(folder: Path) -> Iterator[None]:
    """Use the caches of a folder inside, whatever the environment says."""
    token = _folder.set(folder)
    try:
        yield
    finally:
        _folder.reset(token)


def replies_file() -> Path:
    """The file of the reply cache: $EVOBUILD_STORE, else in `.evobuild/` of the repository.

    DVC sets $DVC_ROOT in stages, to the main repository also under --temp and --queue.
    """
    if folder := _folder.get():
        return folder / REPLIES
    if explicit := os.environ.get("EVOBUILD_STORE"):
        return Path(explicit)
    return machine.repository_root() / ".evobuild" / REPLIES


def measurements_file() -> Path:
    """The file of measurements, beside the reply cache, so that $EVOBUILD_STORE moves both."""
    return replies_file().with_name(MEASUREMENTS)
