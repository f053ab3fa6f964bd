"""What is the user's alone: `.evobuild`, with replies, measurements, locks and progress, whatever the umask.

Folders are 0700 and files 0600. One that is wider, as an older version made it, is tightened where it is
used; a store that $EVOBUILD_STORE puts elsewhere begins as private, and keeps the mode that its owner
gives it, as that of a group that shares it.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

NAME = ".evobuild"
OTHERS = 0o077
"""What group and others may do; nothing of it."""


def private_folder(folder: Path) -> Path:
    """Make a folder with its parents, the user's alone; within `.evobuild` tighten older ones."""
    for each in [*reversed(folder.parents), folder]:
        with suppress(FileExistsError):
            each.mkdir(mode=0o700)
        tighten(each)
    return folder


def private_file(file: Path) -> Path:
    """Create an empty file for the user alone, unless it exists; tighten an older one in `.evobuild`."""
    private_folder(file.parent)
    if not file.exists():
        os.close(os.open(file, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    tighten(file)
    return file


def tighten(path: Path) -> None:
    """Take from group and others what they may do with a path within `.evobuild`.

    What is not there, a link, and another user's file are left as they are.
    """
    if NAME not in path.parts or path.is_symlink():
        return
    with suppress(PermissionError, FileNotFoundError):
        if (mode := stat.S_IMODE(path.stat().st_mode)) & OTHERS:
            path.chmod(mode & ~OTHERS)
