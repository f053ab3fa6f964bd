"""Parse the judge's preference for one of two outputs: from its letter, or from the letters'
probabilities.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from evobuild.core.chat import Reply

LETTERS = ("m", "M")
"""Letters of the first and the second output."""
AROUND = " \t\r\n.,:;!\"'`*()[]<>"
"""Characters that may surround a letter."""


def read_letter(reply: Reply) -> float | None:
    """Parse which output is preferred, from the reply's text: 0 the first, 1 the second; None for neither."""
    letter = reply.text.strip(AROUND)
    return float(LETTERS.index(letter)) if letter in LETTERS else None


def read_probability(reply: Reply) -> float | None:
    """Compute the probability that the second output is preferred; None if it is unknown.

    It is the probability of M among the two letters, at the first token; if the reply ends in a letter, at
    that letter, because a model may reason before it. A letter outside the most probable tokens has
    probability 0.
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
    """Compute the probability of the second letter over that of both."""
    exact = {text: logprob for text, logprob in position if text in LETTERS}
    # Some tokenizers have the letter only with a leading space.
    found = exact or {
        text.strip(): logprob for text, logprob in reversed(position) if text.strip() in LETTERS
    }
    if not found:
        return None
    first, second = (math.exp(found[letter]) if letter in found else 0.0 for letter in LETTERS)
    return second / (first + second) if first + second else None
