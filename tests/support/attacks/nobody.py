"""Run a command as the user `nobody`, or where that user could run it, for a caller that is root.

Where that user may not enter a folder in which this Python or the project lies (as /root), the command
sees, in a mount namespace of its own, that folder with nothing in it but these.
"""

from __future__ import annotations

import stat
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
OPENED = """
closed=$1; shift
opened=$(mktemp -d)
mount -t tmpfs -o mode=755 tmpfs "$opened"
while [ "$1" != -- ]; do
    mkdir -p "$opened/$1"; mount --bind "$closed/$1" "$opened/$1"; shift
done
shift
mount --rbind "$opened" "$closed"
exec "$@"
"""


def command(words: list[str]) -> list[str]:
    """Give the command that runs another as `nobody`."""
    return opened(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--", *words])


def opened(words: list[str]) -> list[str]:
    """Give the command that runs another where `nobody` can read this Python and the project."""
    needed = sorted({Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve(), ROOT.resolve()})
    closed = {
        folder for path in needed for folder in path.parents if not folder.stat().st_mode & stat.S_IXOTH
    }
    if not closed:
        return words
    top = min(closed)
    inner = [str(path.relative_to(top)) for path in needed if path.is_relative_to(top)]
    return ["unshare", "--mount", "sh", "-ec", OPENED, "sh", str(top), *inner, "--", *words]
