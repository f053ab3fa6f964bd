"""The strategy `evol`: declared operations, as those of Evol-Instruct (arXiv:2304.12244), by domain.

They are ordered as in arXiv:2412.11231. What an operation asks, and what becomes of its replies, is said by
its template (`declared_operations`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from evobuild.core.draws import draw_value
from evobuild.core.instructions import EVOL, Instruction
from evobuild.core.prompts import current_folder, render_prompt
from evobuild.evolution import methods
from evobuild.evolution.declared_operations import Operation, read_operation
from evobuild.evolution.params import DEFAULT, Evolve
from evobuild.evolution.step import Plan, RoundSource, Step, earlier_turns

OperationSets = Mapping[str, Sequence[str]]
"""Names of operations by domain."""


def plan_evol(params: Evolve, source: RoundSource) -> Plan:
    """Evolve each row by an operation of its domain, in turn or drawn, as params have it."""
    if params.schedule == "random":
        return plan_at_random(params.operations, source.round, source.seed)
    if params.schedule == "hashed":
        return plan_by_hash(params.operations, source.round, source.seed)
    return plan_in_turn(params.operations, source.round)


def plan_in_turn(sets: OperationSets, round: str) -> Plan:
    """Give each row the operation number (i + r) mod n of its domain's n (arXiv:2412.11231).

    i is the place of its seed row in the source, the same in every round, and r the round, the first being
    0: no lineage repeats an operation within n rounds.
    """
    number = round_number(round)

    def step(row: Instruction) -> Step:
        names = _of(sets, row)
        return operation_step(names[(row.seed_place + number) % len(names)], row)

    return step


def plan_by_hash(sets: OperationSets, round: str, seed: int) -> Plan:
    """Give each row the operation number (h + r) mod n, h drawn for its seed row, r as in `plan_in_turn`.

    So a row that is put into the source moves no other, and still no lineage repeats an operation within n
    rounds.
    """
    number = round_number(round)

    def step(row: Instruction) -> Step:
        names = _of(sets, row)
        first = int(draw_value(seed, "operation", row.seed_id) * len(names))
        return operation_step(names[(first + number) % len(names)], row)

    return step


def plan_at_random(sets: OperationSets, round: str, seed: int) -> Plan:
    """Draw each row's operation from its domain's; what is drawn depends on seed, round and row alone."""

    def step(row: Instruction) -> Step:
        names = _of(sets, row)
        return operation_step(names[int(draw_value(seed, f"operation {round}", row.id) * len(names))], row)

    return step


def round_number(name: str) -> int:
    """Number a round by its name, the first being 0: r3 and r3b are both 2."""
    found = re.search(r"\d+", name)
    if not found:
        raise ValueError(f"the round '{name}' has no number in its name")
    return int(found[0]) - 1


def _of(sets: OperationSets, row: Instruction) -> Sequence[str]:
    """The operations of a row's domain; those of DEFAULT only as far as they are for it."""
    if own := sets.get(row.domain):
        return own
    return _default_of(tuple(sets[DEFAULT]), row.domain, current_folder())


@cache
def _default_of(names: tuple[str, ...], domain: str, folder: Path) -> Sequence[str]:
    """Those of some operations that are for a domain. folder: of the prompts that declare them."""
    found = {name: read_operation(name).traits.domains for name in names}
    return [name for name in names if not found[name] or domain in found[name]]


def operation_step(name: str, row: Instruction) -> Step:
    """Evolve a row by one operation, into as many children as it has."""
    operation = read_operation(name)
    first, *others = (_step(operation, row, sample) for sample in range(operation.traits.children))
    return first._replace(also=tuple(others))


def _step(operation: Operation, row: Instruction, sample: int, replies: tuple[str, ...] = ()) -> Step:
    """Ask what comes after some replies of an operation's steps. sample: which of its children, from 0."""
    traits, templates = operation.traits, operation.templates
    given = dict(zip(traits.steps, replies, strict=False))
    prompt = render_prompt(
        templates[len(replies)],
        **given,
        history=earlier_turns(row),
        instruction=row.instruction,
        input=row.input,
        answer=row.output,
    )
    step = Step(row, EVOL, operation.name, prompt, methods.bare_instruction, traits.keeps_input)
    step = step._replace(
        new_task=traits.new_task,
        sample=sample,
        keeps_answer=traits.keeps_answer,
        needs_answer=traits.needs_answer,
    )
    if len(replies) == len(traits.steps):
        return step
    return step._replace(then=lambda text: _step(operation, row, sample, (*replies, text.strip())))
