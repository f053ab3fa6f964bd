"""The simulated responder to an instruction with a constraint: the answer keeps it, or it does not.

A constraint is a paragraph of its own, after what was asked. Without one that the bank knows the answer
is the plain one, and takes no chance more.
"""

from __future__ import annotations

from evobuild.core.chat import Finish
from evobuild.simulation.constants import Traits
from evobuild.simulation.constraints import split_constraint
from evobuild.simulation.dice import Dice
from evobuild.simulation.responder import respond


def answer_keeping(traits: Traits, instruction: str, dice: Dice) -> tuple[str, Finish]:
    """Answer an instruction, with its constraint kept at the model's rate: text and finish reason."""
    query, constraint = split_constraint(instruction)
    answer, finish = respond(traits, query, dice)
    if constraint and dice.chance(traits.keeps):
        return constraint.keep(answer), finish
    return answer, finish
