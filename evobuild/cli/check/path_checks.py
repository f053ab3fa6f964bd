"""Check files that params name: they must exist, under a path that a shell and DVC accept."""

from __future__ import annotations

import os
import re
from pathlib import Path

from evobuild.core.errors import BadParams

_UNSAFE = re.compile(r"['\"\\\x00-\x1f\x7f]")


def check_path_name(key: str, name: str) -> None:
    """Check a path that stages depend on; DVC accepts no relative path outside the repository."""
    if _UNSAFE.search(name):
        raise BadParams(
            f"params.yaml: {key} is {name!r}, which goes into a shell's command; "
            "expected a path without quotes, backslashes and control characters"
        )
    if Path(os.path.normpath(name)).parts[:1] == ("..",):
        raise BadParams(
            f"params.yaml: {key} is '{name}'; "
            "expected a path in the repository, or an absolute one outside it"
        )


def check_file(key: str, name: str, wanted: str) -> None:
    """Check a file that stages depend on."""
    check_path_name(key, name)
    inside = Path(os.path.normpath(name))
    if not inside.is_file():
        found = "is not a file" if inside.exists() else "does not exist"
        raise BadParams(f"params.yaml: {key} '{name}' {found}; expected {wanted}")
