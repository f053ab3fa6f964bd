"""The simulated judge: a difficulty that follows the text, as a level or as a score of 0 to 100.

Both come from one estimate without chance, so that they agree up to the noise of each reading.
"""

from __future__ import annotations

import math
import re

from evobuild.core.chat import Finish
from evobuild.simulation.constants import Traits
from evobuild.simulation.dice import Dice
from evobuild.simulation.evolver import split_prompt
from evobuild.simulation.languages import BANKS
from evobuild.simulation.subject import Subject, subject_of, words_of

LEVELS = (("very easy", 15.0), ("easy", 35.0), ("medium", 58.0), ("hard", 80.0), ("very hard", math.inf))
"""Each level and the score, in points, below which it ends."""

_DEMANDS_TEXT = """
must should exactly least most only without under within include ensure sure explain compare justify discuss
analyse analyze derive prove assume suppose consider check also avoid not rather how why which whether
"""
_DEMANDS = frozenset(_DEMANDS_TEXT.split())
_REASONING_TEXT = """
step steps reason reasoning infer inference deduce conclusion conclude trade-off assumption assumptions
consequences complexity invariant invariants formula criteria generalise cause causes evidence proof
"""
_REASONING = frozenset(_REASONING_TEXT.split())
_WIDE = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]")
_SENTENCE_ENDS = ".?!。？！।؟"

_KNOWLEDGE = {"code": "programming", "math": "arithmetic and word problems", "chat": "general matters"}
_RATIONALES = (
    "The author wants something definite on the {w}.\nIt takes knowledge of {k}; {n} demands meet.",
    "The intent is a complete answer on the {w}.\nWhat is needed is knowledge of {k}; I count {n} demands.",
    "The user wants the {w} dealt with.\nThis calls for knowledge of {k} and for attention to {n} demands.",
)
_UNRATED = (
    "I would say it depends.",
    "It is hard to give a single rating without knowing the audience.",
    "Difficulty: somewhere between the levels",
    "Score: not applicable",
)


def rate_level(traits: Traits, prompt: str, dice: Dice) -> tuple[str, Finish]:
    """Rate by one of five levels: text and finish reason."""
    score, rationale = _rate(traits, prompt, dice)
    level = next(name for name, end in LEVELS if score < end)
    return (f"{rationale}\n\nDifficulty: {level}" if rationale else dice.pick(_UNRATED[:3])), "stop"


def rate_score(traits: Traits, prompt: str, dice: Dice) -> tuple[str, Finish]:
    """Rate from 0 to 100: text and finish reason."""
    score, rationale = _rate(traits, prompt, dice)
    return (
        f"{rationale}\n\nScore: {round(score)}" if rationale else dice.pick(_UNRATED[:2] + _UNRATED[3:])
    ), "stop"


def difficulty(instruction: str, context: str, subject: Subject) -> tuple[float, int]:
    """Estimate the difficulty of an instruction, 0 to 100 without noise, and count its demands."""
    text = instruction[:4000]
    words = text.count(" ") + 1
    if not text.isascii():
        words += len(_WIDE.findall(text)) // 2
    sentences = sum(map(text.count, _SENTENCE_ENDS))
    tokens = words_of(text.lower())
    demands = sum(map(_DEMANDS.__contains__, tokens))
    if subject.language in BANKS:
        demands += sentences
    reasoning = sum(map(_REASONING.__contains__, tokens))
    burden = 0.07 * math.log(words + 2) + 0.09 * demands**0.9 + 0.09 * sentences + 0.09 * reasoning**0.9
    burden += {"code": 0.04, "math": 0.08, "chat": 0.0}[subject.domain] + (0.03 if context else 0.0) - 0.06
    return 100.0 * (1.0 - math.exp(-max(burden, 0.02))), demands + 1


def _rate(traits: Traits, prompt: str, dice: Dice) -> tuple[float, str]:
    """Give a noisy score and its reasons; no reasons if the judge will not rate."""
    _, instruction, context = split_prompt(prompt)
    subject = subject_of(instruction)
    estimate, demands = difficulty(instruction, context, subject)
    score = estimate + traits.noise * (dice.number() + dice.number() + dice.number() - 1.5) * 2
    score = min(max(score, 1.0), 99.0)
    if dice.chance(traits.unrated):
        return score, ""
    word = dice.pick(subject.words)
    return score, dice.pick(_RATIONALES).format(w=word, k=_KNOWLEDGE[subject.domain], n=demands)
