"""Read and write JSON, and JSON Lines, with the file's name and the line in every error."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from evobuild.core.errors import BadInput
from evobuild.core.text_files import decode_utf8, opened_file, read_text


def read_json_file(path: Path) -> Any:
    """Read a JSON file. Raises BadInput naming it if it cannot be read or is no JSON in UTF-8."""
    try:
        return parse_json(read_text(path), path)
    except BadInput as error:
        raise BadInput(f"{path}: not a readable JSON file: {error}") from None


def write_json(path: Path, content: object) -> None:
    """Write small figures as JSON, one key a line."""
    path.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")


Record = dict[str, Any]

MOST_BYTES = 16 << 20
"""Of a line; a record of that length is a book."""

# An escaped half of a character without its other half, or a backslash before it that may make it none.
SURROGATE = re.compile(
    r"\\u[dD](?:[89abAB]..(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..\\u[dD])[c-fC-F])|\\\\u[dD][89a-fA-F]"
)

_BETWEEN = re.compile(r"\s*[\[,]\s*")
"""What precedes an entry of an array."""

_LINE_ENDS = {ord(char): f"\\u{ord(char):04x}" for char in "\x85\u2028\u2029"}


class NotJson(BadInput):
    """A text that is no JSON. place: the file and the line; reason: what the parser says."""

    def __init__(self, message: str, place: str, reason: str) -> None:
        super().__init__(message)
        self.place, self.reason = place, reason


def read_json_lines(path: Path) -> Iterator[tuple[str, object]]:
    """Read one value per line, in bounded memory, each with its place: ("seeds.jsonl:17", {"id": 3}).

    Blank lines are passed over; a file named .gz is unzipped. Raises BadInput, naming file and line, at what
    is not UTF-8, no JSON or no whole character, and if the file is empty.
    """
    offset = 0
    with opened_file(path) as file:
        for number, data in enumerate(iter(partial(file.readline, MOST_BYTES + 1), b""), start=1):
            if len(data) > MOST_BYTES:
                raise BadInput(
                    f"{path.name}:{number}: a line of more than {MOST_BYTES:,} bytes; expected a record"
                )
            offset += len(data)
            if data.isspace():
                continue
            text = decode_utf8(data, path, number, offset - len(data))
            if not text or text.isspace():
                continue
            value, place = parse_json(text.rstrip(), path, number), f"{path.name}:{number}"
            if SURROGATE.search(text):
                check_characters(value, place)
            yield place, value
    if offset == 0:
        raise BadInput(f"{path}: is empty; expected one JSON object per line")


def parse_json(text: str, path: Path, line: int = 1) -> object:
    """Parse JSON that begins on a line of a file.

    Raises BadInput with line and column, from 1, at what is no JSON, or gives a field twice.
    """
    try:
        return json.loads(text, object_pairs_hook=_object)
    except _GivenTwiceError as error:
        place = f"{path.name}:{line + _line_of_object_given_twice(text)}"
        raise BadInput(f"{place}: the field {error.field[:40]!r} is given twice; expected it once") from None
    except json.JSONDecodeError as error:
        place, what = f"{path.name}:{line + error.lineno - 1}", f"column {error.colno}: {error.msg}"
        message = f"{place}: not JSON at {what}"
        if text.lstrip()[:1] == "[" and text.rstrip()[-1:] != "]":
            message = f"{place}: the JSON array is cut short, {what}; expected a closing ']'"
        raise NotJson(message, place, str(error)) from None
    except (RecursionError, ValueError) as error:  # Python refuses integers of more than 4300 digits
        what = "nested too deeply" if isinstance(error, RecursionError) else "a number of too many digits"
        raise BadInput(f"{path.name}:{line}: {what} to be read; expected fields of text") from None


class _GivenTwiceError(Exception):
    """An object has a field twice, of which a reader would see only one."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


def _object(fields: list[tuple[str, object]]) -> Record:
    record = dict(fields)
    if len(record) < len(fields):
        raise _GivenTwiceError(Counter(name for name, _ in fields).most_common(1)[0][0])
    return record


def _line_of_object_given_twice(text: str) -> int:
    """Find the line, from 0, of an array's entry that repeats a field."""
    decoder, at = json.JSONDecoder(object_pairs_hook=_object), 0
    if not text.lstrip().startswith("["):
        return 0
    while found := _BETWEEN.match(text, at):
        try:
            _, at = decoder.raw_decode(text, found.end())
        except (_GivenTwiceError, ValueError):
            return text.count("\n", 0, found.end())
    return 0


def check_characters(record: object, place: str) -> None:
    """Raise BadInput if a text holds half a character, which no file and no model could take."""
    for field, value in record.items() if isinstance(record, dict) else [("record", record)]:
        try:
            compact_json([field, value], place).encode()
        except UnicodeEncodeError as error:
            found = f"{field[:40]!r} holds the lone surrogate U+{ord(error.object[error.start]):04X}"
            raise BadInput(f"{place}: {found}; expected whole characters") from None


def compact_json(value: object, place: str) -> str:
    """Write a value as JSON on one line, letters beyond ASCII as they are."""
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except RecursionError:
        raise BadInput(f"{place}: nested too deeply to be read; expected fields of text") from None


def write_json_lines(path: Path, records: Iterable[tuple[str, Record]]) -> None:
    """Write records, each with the id of its row, one a line; in a .json file they make an array.

    Raises BadInput as `json_line` does.
    """
    array = path.suffix == ".json"
    with path.open("wb") as stream:
        between = b"[\n" if array else b""
        for row, record in records:
            stream.write(between + json_line(row, record))
            between = b",\n" if array else b"\n"
        stream.write({b"[\n": b"[]\n", b",\n": b"\n]\n", b"\n": b"\n", b"": b""}[between])


def json_line(row: str, record: Record) -> bytes:
    """Encode a record as JSON on one line. Raises BadInput if its text has half a character."""
    try:
        return json.dumps(record, ensure_ascii=False).translate(_LINE_ENDS).encode()
    except UnicodeEncodeError as error:
        found = f"U+{ord(error.object[error.start]):04X}"
        raise BadInput(
            f"row {row}: its text holds the lone surrogate {found}; expected whole characters"
        ) from None
