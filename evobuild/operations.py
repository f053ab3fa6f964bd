"""The fixed operations of Evol-Instruct (arXiv:2304.12244), in the order of arXiv:2412.11231.

Row i of round r gets operation number (i + r) mod n. In-depth operations keep the input; a breadth
child is a new task and starts without one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from evobuild import methods
from evobuild.evolution import Plan, Step
from evobuild.prompts import render
from evobuild.tables import Instruction

OPERATIONS = {
    "constraints": "evolve/constraints.jinja",
    "deepening": "evolve/deepening.jinja",
    "concretizing": "evolve/concretizing.jinja",
    "reasoning": "evolve/reasoning.jinja",
    "breadth": "evolve/breadth.jinja",
}


def by_operations(names: Sequence[str], round_number: int) -> Plan:
    """Evolve with fixed operations in turn."""

    def step(place: int, row: Instruction) -> Step:
        name = names[(place + round_number) % len(names)]
        turns = [{"role": role, "content": content} for role, content in row.history]
        prompt = render(OPERATIONS[name], history=turns, instruction=row.instruction, input=row.input)
        return Step(name, prompt, methods.bare, name != "breadth")

    return step


def round_number(name: str) -> int:
    """The number in a round's name: r3 and r3b are both a third round."""
    found = re.search(r"\d+", name)
    if not found:
        raise ValueError(f"the round '{name}' has no number in its name")
    return int(found[0])
