"""Find JSON in a reply: the whole reply, in a fence, or between words.

What is almost JSON (an extra comma, single quotes, NaN) is not repaired: nothing is guessed.
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


def reading_budget(text: str) -> int:
    """Return how many characters of a text may be parsed without result, to bound the time."""
    return max(LEAST, READINGS * len(text))


def count_wasted(text: str, start: int, error: Exception) -> int:
    """Count the characters parsed from a position until an error; all the rest if the error does not say."""
    if isinstance(error, json.JSONDecodeError) and not error.msg.startswith("Unterminated"):
        return error.pos - start
    return len(text) - start


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


def find_json_values(text: str) -> Iterator[object]:
    """Yield the objects and arrays of a text, in order, without nested ones.

    Instance: 'So: {"a": [1]} and [2]' -> {"a": [1]}, then [2].
    """
    end, left = 0, reading_budget(text)
    for _ in range(MOST_TRIES):
        starts = [start for start in (text.find("{", end), text.find("[", end)) if start >= 0]
        if not starts or left < 0:
            return
        start = min(starts)
        try:
            value, end = _DECODER.raw_decode(text, start)
        # RecursionError: thousands of brackets within one another.
        except (ValueError, RecursionError) as error:
            left -= count_wasted(text, start, error)
            end = start + 1
        else:
            yield value
