"""The simulated engine's constraints on the form of an answer: `find` one by its text, `draw` a new one."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache, lru_cache

from evobuild.simulation.constraints import amounts, generic, layout, letters, lists, marks, wordings
from evobuild.simulation.constraints.family import HEAD, Constraint, Family, filled, of_body, of_wording
from evobuild.simulation.dice import Dice

__all__ = ["FAMILIES", "Constraint", "Family", "draw", "find", "find_code", "guess", "split_constraint"]

FAMILIES = tuple(
    family for room in (amounts, letters, marks, wordings, layout, lists) for family in room.FAMILIES
)
_LETTERS = re.compile(r"[^\W\d_]{3,20}")
_REMARK = re.compile(r"\A    # .*\n")
_USUAL = 0.6
"""Share of the guesses that a constraint wants a word of its text mentioned, at least."""
_LONGEST = 200
"""Characters that a constraint has at most; so that long texts cost nothing."""


def draw(dice: Dice) -> Constraint:
    """Make up a constraint, every family equally likely."""
    family = dice.pick(FAMILIES)
    number = dice.pick(family.numbers) if family.numbers else 0
    return Constraint(family, number, dice.pick(family.words) if family.words else "")


def guess(text: str, dice: Dice) -> Constraint:
    """Take a constraint that the bank does not know for one that is about a word of its text."""
    words = _LETTERS.findall(text.lower())[1:] or ["answer"]
    family = generic.FAMILIES[0] if dice.chance(_USUAL) else dice.pick(generic.FAMILIES)
    return Constraint(family, 3 + dice.below(6), max(words, key=len))


def split_constraint(instruction: str) -> tuple[str, Constraint | None]:
    """Take out the last paragraph that is a constraint; all is query where the bank knows none.

    The first one is none. The row's input may follow a constraint.
    """
    parts = instruction.split("\n\n")
    for place in range(len(parts) - 1, 0, -1):
        if len(parts[place]) <= _LONGEST and (constraint := find(parts[place].strip())):
            return "\n\n".join(parts[:place] + parts[place + 1 :]), constraint
    return instruction, None


@lru_cache(maxsize=4096)
def find(text: str) -> Constraint | None:
    """Recognise the constraint that a text is, None if it is none of the bank."""
    if len(text) > _LONGEST or not text:
        return None
    words = text.lower().removeprefix("please ").split(maxsplit=1)
    for family, template in _by_first_word().get(words[0] if words else "", ()):
        if found := of_wording(template).fullmatch(text):
            return filled(family, found)
    return None


@lru_cache(maxsize=4096)
def find_code(code: str) -> tuple[Constraint, bool] | None:
    """Recognise what a function checks and whether it does so rightly, None if it is none of the bank."""
    body = _REMARK.sub("", code.partition(HEAD)[2], count=1)
    for is_right, family, template in _bodies():
        if found := of_body(template).fullmatch(body):
            return filled(family, found), is_right
    return None


@cache
def _bodies() -> list[tuple[bool, Family, str]]:
    """All bodies, the right ones and of these the longest first: a short one may fit another's text too."""
    bodies = [
        (is_right, family, body)
        for family in (*FAMILIES, *generic.FAMILIES)
        for is_right, templates in ((True, family.right), (False, family.wrong))
        for body in templates
    ]
    return sorted(bodies, key=lambda each: (not each[0], -len(each[2]), each[1].name))


@cache
def _by_first_word() -> dict[str, list[tuple[Family, str]]]:
    found = defaultdict(list)
    for family in FAMILIES:
        for template in family.wordings:
            found[template.split()[0].lower()].append((family, template))
    return found
