"""Read a file of rows to exclude: one id per line, as the explorer exports marked rows."""

from __future__ import annotations

import re
from pathlib import Path

from evobuild.core.errors import BadInput
from evobuild.core.text_files import read_text

_ID = re.compile(r"[0-9a-f]{20}")


def read_excluded_ids(path: Path) -> list[str]:
    """Read the distinct ids, in their order; skip blank lines and lines that begin with #.

    Raises BadInput naming the first invalid line, or if the file is not UTF-8 text.
    """
    found: dict[str, None] = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if not _ID.fullmatch(text):
            raise BadInput(
                f"{path}:{number}: {text[:60]!r} is not a row id; expected one per line, 20 hex digits each, "
                "as the explorer exports them"
            )
        found[text] = None
    return list(found)
