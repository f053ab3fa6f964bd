"""Records as JSON, one on each line: what readers take, whatever the text in them.

Every line is whole JSON in UTF-8, and characters that some readers take for line ends are escaped. A
text that UTF-8 cannot hold is a BadInput naming the row.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from evobuild.core.errors import BadInput

Record = dict[str, Any]

_LINE_ENDS = {ord(char): f"\\u{ord(char):04x}" for char in "\x85\u2028\u2029"}


def write(path: Path, records: Iterable[tuple[str, Record]]) -> None:
    """Write records, each with the id of its row, one a line; in a .json file they make an array.

    Raises BadInput as `line` does.
    """
    array = path.suffix == ".json"
    with path.open("wb") as stream:
        between = b"[\n" if array else b""
        for row, record in records:
            stream.write(between + line(row, record))
            between = b",\n" if array else b"\n"
        stream.write({b"[\n": b"[]\n", b",\n": b"\n]\n", b"\n": b"\n", b"": b""}[between])


def line(row: str, record: Record) -> bytes:
    """One record as JSON on one line. Raises BadInput if its text holds half a character."""
    try:
        return json.dumps(record, ensure_ascii=False).translate(_LINE_ENDS).encode()
    except UnicodeEncodeError as error:
        found = f"U+{ord(error.object[error.start]):04X}"
        raise BadInput(
            f"row {row}: its text holds the lone surrogate {found}; expected whole characters"
        ) from None
