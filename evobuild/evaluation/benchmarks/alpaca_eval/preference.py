"""The judge's preference for one of two outputs: the letter that it says, or the letters' probabilities."""

from __future__ import annotations

import math
from collections.abc import Sequence

from evobuild.core.chat import Reply

LETTERS = ("m", "M")
"""Of the first and the second output."""
AROUND = " \t\r\n.,:;!\"'`*()[]<>"
"""What may stand around a letter."""


def read_letter(reply: Reply) -> float | None:
    """Read which output is preferred from what was said: 0 the first, 1 the second; None for neither."""
    letter = reply.text.strip(AROUND)
    return float(LETTERS.index(letter)) if letter in LETTERS else None


def read_weighted(reply: Reply) -> float | None:
    """Read the probability that the second output is preferred; None if there is none.

    It is that of M among the two letters, at the first token; where the reply is a letter, at that letter,
    before which a model may have thought. A letter that is not among the most probable tokens has none.
    """
    texts = reply.choices[0].token_texts if reply.choices else None
    logprobs = reply.choices[0].logprobs if reply.choices else None
    if not texts or not logprobs:
        return None
    place = 0
    if read_letter(reply) is not None:
        letters = (number for number, (chosen, *_) in enumerate(texts) if chosen.strip(AROUND) in LETTERS)
        place = max(letters, default=0)
    elif reply.reasoning:
        return None
    return _share_of_second(list(zip(texts[place], logprobs[place], strict=True)))


def _share_of_second(position: Sequence[tuple[str, float]]) -> float | None:
    """The probability of the second letter over that of both."""
    exact = {text: logprob for text, logprob in position if text in LETTERS}
    # A tokenizer may have the letter with a space alone.
    found = exact or {
        text.strip(): logprob for text, logprob in reversed(position) if text.strip() in LETTERS
    }
    if not found:
        return None
    first, second = (math.exp(found[letter]) if letter in found else 0.0 for letter in LETTERS)
    return second / (first + second) if first + second else None
