"""The simulated responder to an instruction with a constraint: the answer keeps it, or it does not.

A constraint stands as the last paragraph, after what was asked. Without one that the bank knows the
answer is the plain one, and takes no chance more.
"""

from __future__ import annotations

from evobuild.models.request import Finish
from evobuild.models.simulated.constants import Traits
from evobuild.models.simulated.constraints import find
from evobuild.models.simulated.dice import Dice
from evobuild.models.simulated.responder import respond


def answer_keeping(traits: Traits, instruction: str, dice: Dice) -> tuple[str, Finish]:
    """Answer an instruction, with its constraint kept at the model's rate: text and finish reason."""
    query, _, last = instruction.rpartition("\n\n")
    constraint = find(last.strip()) if query.strip() else None
    if constraint is None:
        return respond(traits, instruction, dice)
    answer, finish = respond(traits, query, dice)
    return (constraint.keep(answer) if dice.chance(traits.keeps) else answer), finish
