"""The simulated reader of verifiers: says what a function checks, mostly rightly.

Its rates and its phrases are assumptions.
"""

from __future__ import annotations

import re

from evobuild.core.chat import Finish
from evobuild.simulation.constants import Traits
from evobuild.simulation.constraints import find_code
from evobuild.simulation.dice import Dice

CONTRADICTIONS = (0.03, 0.25)
"""Share of replies that say the opposite, of functions that are right and that are nearly so."""

_LABEL = "#Function#:\n"
_LITERAL = re.compile(r"\"([^\"\n]{2,40})\"|'([^'\n]{2,40})'")
_LEADS = ("The answer is checked for this: ", "Constraint: ")
_LED = 0.06
_UNCLEAR = ("Return an answer that can be evaluated.", "I cannot tell what the function checks.")
_UNKNOWN = ("Have something to do with '{w}' in the answer.", "Take care of '{w}'.")


def translate_back(traits: Traits, prompt: str, dice: Dice) -> tuple[str, Finish]:
    """Say what the function of a prompt checks: text and finish reason."""
    code = prompt[prompt.rfind(_LABEL) :].removeprefix(_LABEL).strip()
    if dice.chance(traits.unrated):
        return dice.pick(_UNCLEAR), "stop"
    found = find_code(code)
    if found is None:
        literals = [one or other for one, other in _LITERAL.findall(code)] or ["evaluate"]
        return dice.pick(_UNKNOWN).format(w=dice.pick(literals)), "stop"
    constraint, is_right = found
    if dice.chance(CONTRADICTIONS[not is_right]):
        text = constraint.wording(constraint.family.opposite)
    else:
        text = constraint.wording(dice.pick(constraint.family.wordings))
    return (f"{dice.pick(_LEADS)}{text}" if dice.chance(_LED) else text), "stop"
