"""The fields of a record from outside: text taken from them, and how a message names what they hold.

Failure is a field that holds something else where text is wanted: it raises BadInput with the place.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from evobuild.core.errors import BadInput

Record = dict[str, object]


def json_kind(value: object) -> str:
    """Name the JSON type of a value for a message, e.g. "a list" or "a number (3.5)"."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return "NaN" if math.isnan(value) else "a number"
    names = {"NoneType": "null", "str": "text", "list": "a list", "dict": "an object", "bytes": "binary data"}
    return names.get(type(value).__name__, f"a {type(value).__name__}")


def field_kind(record: Record, field: str) -> str:
    """Name the JSON type of what a record has under a field, or "missing"."""
    return json_kind(record[field]) if field in record else "missing"


def format_fields(fields: Iterable[str]) -> str:
    """List names of fields for a message: quoted, shortened, at most twelve."""
    quoted = [repr(field[:40]) for field in fields]
    rest = f" and {len(quoted) - 12} more" if len(quoted) > 12 else ""
    return ", ".join(quoted[:12]) + rest or "none"


def text_field(record: Record, fields: Iterable[str], place: str) -> str:
    """Take the first field that is there and not null, or ''; raises BadInput if it is no text."""
    for field in fields:
        value = record.get(field)
        if isinstance(value, str):
            return value
        if value is not None:
            raise BadInput(f"{place}: '{field}' is {json_kind(value)}; expected text")
    return ""
