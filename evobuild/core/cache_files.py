"""Where the caches lie: one beside the other, outside all DVC outs, so that every stage finds the same."""

from __future__ import annotations

import os
from pathlib import Path

from evobuild.core import machine


def replies_file() -> Path:
    """The file of the reply cache: $EVOBUILD_STORE, else in `.evobuild/` of the repository.

    DVC sets $DVC_ROOT in stages, to the main repository also under --temp and --queue.
    """
    if explicit := os.environ.get("EVOBUILD_STORE"):
        return Path(explicit)
    return machine.repository_root() / ".evobuild" / "replies.sqlite"


def measurements_file() -> Path:
    """The file of measurements, beside the reply cache, so that $EVOBUILD_STORE moves both."""
    return replies_file().with_name("measurements.sqlite")
