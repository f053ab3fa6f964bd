"""The simulated judge of equality: two instructions are equal if they use the same words.

Its rates of wrong and missing verdicts are assumptions.
"""

from __future__ import annotations

import re

from evobuild.core.chat import Finish
from evobuild.simulation.constants import Traits
from evobuild.simulation.dice import Dice

_FIRST, _SECOND = "#First Instruction#:\n", "\n#Second Instruction#:\n"
_LABEL = re.compile(r"^#(?:First|Second) Input#:$", re.MULTILINE)
_WORD = re.compile(r"\w+")
_SAME = 0.9
"""Share of words in common from which two instructions ask for the same."""

_REASONS = {
    True: "Both ask for the same, in much the same words.",
    False: "The second makes a demand that the first does not make.",
}
_UNCLEAR = ("That is hard to say.", "They might be called equal or not equal, depending on the reader.")


def compare(traits: Traits, prompt: str, dice: Dice) -> tuple[str, Finish]:
    """Say whether the two instructions of a prompt are equal: text and finish reason."""
    first, _, second = prompt[prompt.find(_FIRST) :].partition(_SECOND)
    equal = _likeness(first.removeprefix(_FIRST), second) >= _SAME
    if dice.chance(traits.misjudged):
        equal = not equal
    if dice.chance(traits.unrated):
        return dice.pick(_UNCLEAR), "stop"
    verdict = "Equal" if equal else "Not Equal"
    forms = (
        f"{_REASONS[equal]}\n\nVerdict: {verdict}",
        f"Verdict: {verdict}",
        f"**{verdict}**",
        f"{verdict}.",
    )
    return dice.pick(forms), "stop"


def _likeness(first: str, second: str) -> float:
    """Words in common as a share of all words of either, 0 to 1."""
    ones, others = (set(_WORD.findall(_LABEL.sub("", text).lower())) for text in (first, second))
    return len(ones & others) / max(len(ones | others), 1)
