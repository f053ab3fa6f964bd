"""The simulated judge of answers to constrained instructions: a short analysis and a score of 0 to 10.

Its rates and its phrases are assumptions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import accumulate

from evobuild.core.chat import Finish
from evobuild.simulation.constants import Traits
from evobuild.simulation.constraints import split_constraint
from evobuild.simulation.dice import Dice
from evobuild.simulation.evolver import split_prompt
from evobuild.simulation.subject import subject_of

SCORES: Mapping[int, float] = {10: 0.22, 9: 0.36, 8: 0.25, 7: 0.09, 6: 0.05, 5: 0.03}
"""Share of each score of an answer that is about what was asked."""

STRAYED, ASKED_BACK = 1, 6
"""Points lost by an answer that names none of the things asked about, and by one that gives no answer."""

_SCORES = tuple(accumulate(SCORES.values()))
_ANSWER = "\n#Answer#:\n"
_NO_ANSWER = re.compile(r"please provide|cannot help|can't assist|could you tell me|\?\s*\Z", re.IGNORECASE)
_GOOD = (
    "The answer takes up the {w} and deals with each part of the question.",
    "For it speaks that the {w} is at its centre. Against it, that some points stay general.",
    "The question on the {w} is answered in a clear order.",
)
_POOR = (
    "The answer has little to do with the {w}. What was asked stays open.",
    "For it speaks its form. Against it, that the {w} is hardly dealt with.",
)
_UNRATED = (
    "The answer is good in parts and less so in others.",
    "Score: it depends on the reader",
    "I would give it a solid mark, all in all.",
)


def judge_quality(traits: Traits, prompt: str, dice: Dice) -> tuple[str, Finish]:
    """Judge how well the answer of a prompt serves its instruction: text and finish reason."""
    asked, _, given = prompt.rpartition(_ANSWER)
    _, instruction, _ = split_prompt(asked)
    words = subject_of(split_constraint(instruction)[0]).words
    score = max((*SCORES, 5)[dice.place(_SCORES)] - _lost(given, words), dice.below(2))
    if dice.chance(traits.unrated):
        return dice.pick(_UNRATED), "stop"
    analysis = dice.pick(_GOOD if score >= min(SCORES) else _POOR).format(w=dice.pick(words))
    return f"{analysis}\n\nScore: {score}", "stop"


def _lost(answer: str, words: tuple[str, ...]) -> int:
    lower = answer.lower()
    if not lower.strip() or (len(lower) < 300 and _NO_ANSWER.search(lower)):
        return ASKED_BACK
    return 0 if any(word.lower() in lower for word in words) else STRAYED
