"""The simulated writer of verifiers: a function for a constraint and three cases, right at known rates.

Some constraints it does not understand, whoever asks and how often; of these most functions fail. All
rates are assumptions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import accumulate

from evobuild.core.chat import Finish
from evobuild.simulation.constants import Traits
from evobuild.simulation.constraints import Constraint, find, guess
from evobuild.simulation.constraints.editing import VARIANTS
from evobuild.simulation.dice import Dice, dice_of_text
from evobuild.simulation.programs import program

FUNCTIONS: Mapping[str, float] = {
    "wrong": 0.13,  # off by one, a case or a space overlooked
    "foreign": 0.02,  # imports what is not in the standard library
    "raising": 0.015,
    "arguments": 0.01,  # takes a second one
    "unsuitable": 0.01,  # returns neither True nor False
    "syntax": 0.025,
    "misnamed": 0.015,
    "hanging": 0.01,
    "hostile": 0.025,
}
"""Share of the functions for a constraint that is understood; the rest is right."""

MUDDLED: Mapping[str, float] = {
    **FUNCTIONS,
    "wrong": 0.08,
    "foreign": 0.33,
    "raising": 0.25,
    "arguments": 0.17,
}
"""The same for a constraint that is not understood."""

FAILURES: Mapping[str, float] = {"empty": 0.003, "talk": 0.015, "cut": 0.012, "caseless": 0.01}
"""Share of replies: nothing at all; talk without JSON; JSON that breaks off; a function without cases."""

FORMS: Mapping[str, float] = {"fenced": 0.35, "introduced": 0.1, "raw": 0.08, "escaped": 0.06, "python": 0.02}
"""Share of replies: in a fence; in one with talk around; real line breaks in strings of the JSON; line breaks
escaped twice; a literal of Python, not JSON. Else bare."""

BOOLEANS: Mapping[str, float] = {"title": 0.1, "text": 0.05}
"""Share of replies that say "True" or "true", as texts, for true."""

CONTRADICTIONS = 0.03
"""Share of replies in which two cases are of one answer, but expect different things."""

WRONG_CASES = (0.04, 0.15)
"""Share of cases that expect the wrong thing, of constraints that are understood and not."""

_CUMULATED = {
    is_muddled: tuple(accumulate(rates.values()))
    for is_muddled, rates in ((False, FUNCTIONS), (True, MUDDLED))
}
_FAILURES, _FORMS, _BOOLEANS = (tuple(accumulate(rates.values())) for rates in (FAILURES, FORMS, BOOLEANS))
_KINDS = (*FUNCTIONS, "right")
_LABEL = "#Constraint#:\n"
_REMARKED = 0.3
_BREAK = re.compile(r"(?<!\\)\\n")
"""A line break as JSON writes it, not the two characters for one that may stand in code."""
_TALK = (
    "It is hard to measure this with a function, because it depends on what the reader makes of it.",
    "I would split the answer into words first and look at each of them. Shall I write this down?",
)
_LEADS = ("Here is the function:", "Here is a verifier for the constraint, with three cases.")
_TAILS = ("The third case is the one to watch.", "Let me know if you need more cases.")

Written = dict[str, object]
"""What a reply says, before it is written as JSON."""


def write_verifier(traits: Traits, prompt: str, dice: Dice) -> tuple[str, Finish]:
    """Write a verifier of the constraint of a prompt: text and finish reason."""
    text = prompt[prompt.rfind(_LABEL) :].removeprefix(_LABEL).strip()
    known = find(text)
    constraint = known or guess(text, dice)
    is_muddled = is_muddling(traits, text)
    kind = _KINDS[dice.place(_CUMULATED[is_muddled])]
    remark = text if dice.chance(_REMARKED) and "\n" not in text else ""
    code = _code(kind, constraint, remark, dice)
    written: Written = {"func": code, "cases": _cases(constraint, is_muddled, dice)}
    failure = dice.place(_FAILURES)
    if failure < 2:
        return ("", dice.pick(_TALK))[failure], "stop"
    if failure == 3:
        written.pop("cases")
    reply = _formed(written, dice)
    if failure == 2:
        return reply[: int(len(reply) * (0.4 + 0.5 * dice.number()))], "length"
    return reply, "stop"


def is_muddling(traits: Traits, text: str) -> bool:
    """Say whether a model does not understand a constraint, which follows from its text alone."""
    return dice_of_text(text).chance(traits.muddled if find(text) else traits.muddled_unknown)


def _code(kind: str, constraint: Constraint, remark: str, dice: Dice) -> str:
    sound = constraint.function(dice.pick(constraint.family.right), remark)
    if kind == "right":
        return sound
    if kind == "wrong":
        return constraint.function(dice.pick(constraint.family.wrong), remark)
    return program(kind, sound, dice)


def _cases(constraint: Constraint, is_muddled: bool, dice: Dice) -> list[Written]:
    """Give three cases: one that keeps the constraint, one that breaks it, and one of either."""
    drawn: list[tuple[str, bool]] = []
    for verdict in (True, False, dice.chance(0.5)):
        keeping, breaking = constraint.edges(dice.below(VARIANTS))
        fresh = [(text, verdict) for text in (keeping if verdict else breaking)]
        drawn.append(dice.pick([case for case in fresh if case not in drawn] or fresh))
    cases = [(text, verdict != dice.chance(WRONG_CASES[is_muddled])) for text, verdict in drawn]
    if dice.chance(CONTRADICTIONS):
        cases[2] = (cases[0][0], not cases[0][1])
    spelling = dice.place(_BOOLEANS)
    return [{"input": text, "output": _boolean(verdict, spelling)} for text, verdict in cases]


def _boolean(verdict: bool, spelling: int) -> bool | str:
    return (str(verdict), str(verdict).lower(), verdict)[spelling]


def _formed(written: Written, dice: Dice) -> str:
    form = (*FORMS, "bare")[dice.place(_FORMS)]
    text = json.dumps(written, ensure_ascii=False, indent=dice.pick((None, 2)))
    match form:
        case "raw":
            return _BREAK.sub("\n", text)
        case "escaped":
            return _BREAK.sub(r"\\\\n", text)
        case "python":
            return repr(written)
        case "fenced":
            return f"```json\n{text}\n```"
        case "introduced":
            return f"{dice.pick(_LEADS)}\n\n```json\n{text}\n```\n\n{dice.pick(_TAILS)}"
    return text
