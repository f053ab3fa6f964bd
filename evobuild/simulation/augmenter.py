"""The simulated inventor of constraints: lines of the bank, with the repetitions and the talk of real models.

Its rates and its phrases are assumptions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import accumulate

from evobuild.core.chat import Finish
from evobuild.simulation.constraints import draw
from evobuild.simulation.dice import Dice

LINES: Mapping[str, float] = {"repeated": 0.06, "nearly": 0.07, "subjective": 0.1, "odd": 0.05}
"""Share of lines: one that was shown; one that was shown with a word more; a demand that no function can
measure; one that a function can, but the bank cannot. Else a constraint of the bank."""

FORMS: Mapping[str, float] = {"numbered": 0.08, "starred": 0.04, "bare": 0.01}
"""Share of replies whose lines begin with a number, a star or with nothing. Else with a hyphen."""

FAILURES: Mapping[str, float] = {"empty": 0.005, "refused": 0.01, "cut": 0.03}
"""Share of replies: nothing at all; talk alone; the last line breaks off."""

LEADS, TAILS = 0.15, 0.1
"""Share of replies with a line of talk before, and after."""

_LINES, _FORMS, _FAILURES = (tuple(accumulate(rates.values())) for rates in (LINES, FORMS, FAILURES))
_COUNT = re.compile(r"^Invent (\d+) ", re.MULTILINE)
_EXAMPLE = re.compile(r"^- (.+)$", re.MULTILINE)
_LABEL = "#Constraints#:\n"
_MOST = 200
_REFUSAL = "These constraints cover most of what can be measured. Which direction should the new ones take?"
_LEADING = ("Here are the new constraints:", "Sure, these differ from all of the above:", "New constraints")
_TRAILING = ("Let me know if you need more.", "All of these can be checked with a short Python function.")
_NEARLY = ("Please {lower}", "{text} Thank you.", "{bare}, please.", "{bare} in your answer.")
_SUBJECTIVE = (
    "Write in a warm and encouraging tone.",
    "Sound like an expert who has seen it all.",
    "Make the answer pleasant to read aloud.",
    "Be honest about what you do not know.",
    "Use vivid images.",
    "Write so that a child of ten understands it.",
    "Keep a professional style throughout.",
    "Let the answer have a surprising turn.",
    "Be as creative as you can.",
    "Show empathy with the person who asks.",
    "Use simple language.",
    "Give the answer a poetic ring.",
)
_ODD = (
    "Alternate between long and short sentences.",
    "Use no word that has two equal letters in a row.",
    "Let the second line be the longest of all.",
    "Write as many vowels as consonants in the last sentence.",
    "Let neighbouring words begin with different letters.",
    "Begin every sentence with another letter.",
    "Indent every second line by four spaces.",
    "Let each sentence be longer than the one before.",
    "Use an even number of words.",
    "Leave an empty line after every sentence.",
)


def invent(prompt: str, dice: Dice) -> tuple[str, Finish]:
    """Invent as many constraints as a prompt asks for: text and finish reason."""
    asked = _COUNT.search(prompt)
    shown = _EXAMPLE.findall(prompt[prompt.rfind(_LABEL) :])
    lines = [_line(shown, dice) for _ in range(min(int(asked[1]), _MOST) if asked else 10)]
    failure = dice.place(_FAILURES)
    if failure < 2:
        return ("", _REFUSAL)[failure], "stop"
    mark = ("{place}. ", "* ", "", "- ")[dice.place(_FORMS)]
    marked = [mark.format(place=place) + line for place, line in enumerate(lines, start=1)]
    if dice.chance(LEADS):
        marked.insert(0, f"{dice.pick(_LEADING)}\n")
    if failure == 2:
        marked[-1] = marked[-1][: 6 + dice.below(12)]
        return "\n".join(marked), "length"
    if dice.chance(TAILS):
        marked.append(f"\n{dice.pick(_TRAILING)}")
    return "\n".join(marked), "stop"


def _line(shown: Sequence[str], dice: Dice) -> str:
    kind = dice.place(_LINES)
    if kind < 2 and shown:
        text = dice.pick(shown)
        return text if kind == 0 else _nearly(text, dice)
    if kind in (2, 3):
        return dice.pick((_SUBJECTIVE, _ODD)[kind - 2])
    constraint = draw(dice)
    return constraint.wording(dice.pick(constraint.family.wordings))


def _nearly(text: str, dice: Dice) -> str:
    return dice.pick(_NEARLY).format(text=text, lower=text[:1].lower() + text[1:], bare=text.rstrip("."))
