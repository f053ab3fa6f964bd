"""Read what comes out of a process that runs a model's code: every line of it may be forged.

A line is [kind], [kind, detail] or ["value", value], in ASCII (see runner.py and values.py). Whatever else it
is raises Unreadable and nothing but that, in time and memory linear in its length: bytes of another
encoding, half a line, numbers without end, NaN, depth, duplicate keys, other types, an invalid value.
"""

from __future__ import annotations

import json
import math

from evobuild.sandbox.inside.values import decode_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from evobuild.sandbox.inside.values import Plain

LONGEST_FLOAT = 32
"""Characters; Python writes none longer than 24, and to read a long one takes more than its length."""

ODD = (ValueError, TypeError, OverflowError, RecursionError, MemoryError)
"""Whatever the parser and the makers of values raise; text that cannot be decoded is a ValueError."""


class Unreadable(Exception):
    """No line, or no value."""


def read_line(line: bytes) -> list[object]:
    """Give the one or two items of a line, the first of them text."""
    try:
        found = DECODER.decode(line.decode("ascii"))
    except ODD as error:
        raise Unreadable(type(error).__name__) from error
    if isinstance(found, list) and len(found) in (1, 2) and isinstance(found[0], str):
        return found
    raise Unreadable("no list of a kind and what belongs to it")


def read_value(found: object, opaque: Callable[[list[object]], object] | None = None) -> Plain:
    """Decode the value in the second item of a line. opaque: see `decode_value`.

    Raises UnicodeEncodeError if text in it has half a character, which a function may well return.
    """
    try:
        return decode_value(found, opaque)
    except UnicodeEncodeError:
        raise
    except ODD as error:
        raise Unreadable(type(error).__name__) from error


def _only(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(pairs) != 1:
        raise ValueError("an object of one key was expected")
    return dict(pairs)


def _float(text: str) -> float:
    if len(text) > LONGEST_FLOAT or not math.isfinite(number := float(text)):
        raise ValueError("a number that Python does not write so")
    return number


def _constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


DECODER = json.JSONDecoder(object_pairs_hook=_only, parse_float=_float, parse_constant=_constant)
