"""Rows that a person leaves out: a file with one id a line, as the explorer exports those that are marked."""

from __future__ import annotations

import re
from pathlib import Path

from evobuild.core.errors import BadInput
from evobuild.core.text_files import read_text

_ID = re.compile(r"[0-9a-f]{20}")


def read_excluded_ids(path: Path) -> list[str]:
    """Read the ids, each once, in their order; blank lines and those that begin with # are none.

    Raises BadInput naming the first line that is no id, or if the file is no UTF-8 text.
    """
    found: dict[str, None] = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if not _ID.fullmatch(text):
            raise BadInput(
                f"{path}:{number}: {text[:60]!r} is no id of a row; expected one a line, 20 hex digits each, "
                "as the explorer exports them"
            )
        found[text] = None
    return list(found)
