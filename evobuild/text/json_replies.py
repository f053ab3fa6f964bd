"""JSON that stands in a reply: the whole of it, in a fence, or among words.

What is almost JSON (a comma too many, single quotes, NaN) is none: nothing is guessed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

MOST_TRIES = 200
"""Brackets of one reply at which a value may begin, so that a reply of brackets only costs little."""
READINGS = 4
"""How often the characters of a reply may be read in vain, on average: what begins at a bracket and does not
end has to be read again from the next one on."""
LEAST = 10_000
"""Characters that may be read in vain in any case."""


def allowed_readings(text: str) -> int:
    """How many characters of a text may be read in vain."""
    return max(LEAST, READINGS * len(text))


def read_in_vain(text: str, start: int, error: Exception) -> int:
    """How many characters were read from a place on until an error; all the rest where it does not tell."""
    if isinstance(error, json.JSONDecodeError) and not error.msg.startswith("Unterminated"):
        return error.pos - start
    return len(text) - start


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


def find_json_values(text: str) -> Iterator[object]:
    """Go through the objects and arrays of a text, in order, without those within others.

    Instance: 'So: {"a": [1]} and [2]' -> {"a": [1]}, then [2].
    """
    end, left = 0, allowed_readings(text)
    for _ in range(MOST_TRIES):
        starts = [start for start in (text.find("{", end), text.find("[", end)) if start >= 0]
        if not starts or left < 0:
            return
        start = min(starts)
        try:
            value, end = _DECODER.raw_decode(text, start)
        # RecursionError: thousands of brackets within one another.
        except (ValueError, RecursionError) as error:
            left -= read_in_vain(text, start, error)
            end = start + 1
        else:
            yield value
