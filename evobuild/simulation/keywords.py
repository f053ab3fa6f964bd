"""The simulated judge's phrases for numbered methods: both models name them alike, and fail alike.

Its rates are assumptions.
"""

from __future__ import annotations

import re
from itertools import accumulate

from evobuild.core.chat import Finish
from evobuild.simulation.dice import Dice

FAILURES = {"empty": 0.01, "chatter": 0.02, "short": 0.02}
"""Share of replies: nothing at all; talk without a phrase; the last phrase left out."""
STYLES = {"bullets": 0.07, "headed": 0.08}
"""Share of replies: phrases in capitals after bullets; in bold and capitals below a heading. Else bare."""

_FAILURES, _STYLES = (tuple(accumulate(rates.values())) for rates in (FAILURES, STYLES))
_METHOD = re.compile(r"^\d+\. (.+)$", re.MULTILINE)
_LABEL = "#Methods#:\n"
_CHATTER = "These are all good ways to make an instruction more complex. Shall I go through them one by one?"
_HEADING = "Here are the phrases:\n"
_FILLERS_TEXT = "a an and are as at be by for from in into it its may of on one or so that the to with"
_FILLERS = frozenset(_FILLERS_TEXT.split())
_WORDS = 4
_LETTERS = 12
"""Longer words are cut: a language that leaves no space between words has very long ones."""


def name_methods(prompt: str, dice: Dice) -> tuple[str, Finish]:
    """Name each method by its first words of weight: text and finish reason."""
    phrases = [_phrase(method) for method in _METHOD.findall(prompt[prompt.rfind(_LABEL) :])]
    failure = dice.place(_FAILURES)
    if failure < 2:
        return ("", _CHATTER)[failure], "stop"
    if failure == 2:
        phrases = phrases[:-1]
    style = dice.place(_STYLES)
    lines = (
        [f"- {phrase.title()}" for phrase in phrases],
        [_HEADING, *(f"{place}. **{phrase.title()}**" for place, phrase in enumerate(phrases, start=1))],
        [f"{place}. {phrase}" for place, phrase in enumerate(phrases, start=1)],
    )[style]
    return "\n".join(lines), "stop"


def _phrase(method: str) -> str:
    words = [word[:_LETTERS] for word in re.findall(r"\w+", method.lower()) if word not in _FILLERS]
    return " ".join(words[:_WORDS]) or "unnamed"
