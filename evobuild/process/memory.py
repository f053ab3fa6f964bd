"""Memory that this process has used, and may still use, in bytes.

What may still be used is the least of what the machine has, what the process's control groups allow (v1 and
v2) and what `ulimit -v` allows.
"""

from __future__ import annotations

import re
import resource
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

GIB = 2**30
UNLIMITED = 2**60
"""A limit of at least this is no limit: control groups of version 1 say 2^63 less a page."""

MEMORY_INFO = Path("/proc/meminfo")
OWN_GROUPS = Path("/proc/self/cgroup")
GROUPS = Path("/sys/fs/cgroup")


def peak_bytes(usage: resource.struct_rusage | None = None) -> int:
    """Return the largest resident size of this process so far, or of the one whose usage is given."""
    largest = (usage or resource.getrusage(resource.RUSAGE_SELF)).ru_maxrss
    # Linux counts kibibytes, macOS bytes.
    return largest if sys.platform == "darwin" else largest * 1024


def available_bytes() -> int | None:
    """Return how much memory this process may still use; None where the system does not say."""
    return min([*_free_on_machine(), *_free_in_groups(), *_address_space()], default=None)


def address_space_limit() -> int | None:
    """Return what `ulimit -v` allows; None: any amount."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if limit == resource.RLIM_INFINITY else limit


def format_bytes(count: int) -> str:
    """Format as GiB, with one digit: 1.4 GiB."""
    return f"{count / GIB:,.1f} GiB"


def _address_space() -> Iterator[int]:
    if (limit := address_space_limit()) is not None:
        yield limit


def _free_on_machine() -> Iterator[int]:
    with suppress(OSError):
        if found := re.search(r"MemAvailable:\s+(\d+) kB", MEMORY_INFO.read_text()):
            yield int(found[1]) * 1024


def _free_in_groups() -> Iterator[int]:
    """Yield what each control group of this process, and each above it, leaves free."""
    with suppress(OSError):
        for line in OWN_GROUPS.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "":
                names, root = ("memory.max", "memory.current", "inactive_file"), GROUPS
            elif "memory" in controllers.split(","):
                names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
                root = GROUPS / "memory"
            else:
                continue
            own = root / path.lstrip("/")
            for folder in (own, *own.parents):
                if not folder.is_relative_to(root):
                    break
                yield from _free_in_group(folder, *names)


def _free_in_group(folder: Path, limit_file: str, usage_file: str, cache: str) -> Iterator[int]:
    # The root group of version 2 has no limit, and "max" is no number.
    with suppress(OSError, ValueError):
        limit = int((folder / limit_file).read_text())
        if limit < UNLIMITED:
            used = int((folder / usage_file).read_text())
            found = re.search(rf"^{cache} (\d+)$", (folder / "memory.stat").read_text(), re.MULTILINE)
            # The kernel gives file cache back before it ends a process.
            yield max(0, limit - used + (int(found[1]) if found else 0))
