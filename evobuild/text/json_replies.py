"""JSON that stands in a reply: the whole of it, in a fence, or among words.

What is almost JSON (a comma too many, single quotes, NaN) is none: nothing is guessed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

MOST_TRIES = 200
"""Brackets of one reply at which a value may begin, so that a reply of brackets only costs little."""


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


def find_json_values(text: str) -> Iterator[object]:
    """Go through the objects and arrays of a text, in order, without those within others.

    Instance: 'So: {"a": [1]} and [2]' -> {"a": [1]}, then [2].
    """
    end = 0
    for _ in range(MOST_TRIES):
        starts = [start for start in (text.find("{", end), text.find("[", end)) if start >= 0]
        if not starts:
            return
        start = min(starts)
        try:
            value, end = _DECODER.raw_decode(text, start)
        # RecursionError: thousands of brackets within one another.
        except (ValueError, RecursionError):
            end = start + 1
        else:
            yield value
