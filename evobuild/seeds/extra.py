"""Keep unread columns of the source as one JSON object, in the order of the source.

Null is left out, as are values that JSON cannot represent, such as bytes of images. NaN becomes null within a
list or object. Dates and the like become text.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Mapping

from evobuild.core.errors import BadInput


def extra_text(fields: Mapping[str, object], place: str) -> str:
    """Format fields as a JSON object on one line; '' without fields. Instance: '{"gold": 3}'.

    Raises BadInput naming the place if a value is nested too deeply.
    """
    try:
        held = {name: plain for name, value in fields.items() if (plain := _plain(value)) is not None}
        return json.dumps(held, ensure_ascii=False, allow_nan=False) if held else ""
    except RecursionError:
        raise BadInput(
            f"{place}: nested too deeply to travel along; name other columns in seed.extra"
        ) from None


def filter_fields(fields: Mapping[str, object], names: Iterable[str]) -> Mapping[str, object]:
    """Those of some names alone, in the order of the source."""
    wanted = set(names)
    return {name: value for name, value in fields.items() if name in wanted}


def without_fields(text: str, names: Collection[str]) -> str:
    """Leave fields of such an object out. Instance: '{"gold": 3, "n": 1}' without gold is '{"n": 1}'."""
    if not text or not names:
        return text
    fields = json.loads(text)
    left = {name: value for name, value in fields.items() if name not in names}
    return text if len(left) == len(fields) else extra_text(left, "")


def _plain(value: object) -> object:
    """A value as JSON has it."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, bytes) else str(value)
