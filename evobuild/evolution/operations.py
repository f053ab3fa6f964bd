"""Implement the strategy `evol`: operations such as those of Evol-Instruct (arXiv:2304.12244), by domain.

Their order follows arXiv:2412.11231. The template of an operation declares its prompt and traits
(`declared_operations`).
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
from evobuild.evolution.step import Plan, RoundSource, Step, format_history

OperationSets = Mapping[str, Sequence[str]]
"""Names of operations by domain."""


def plan_evol(params: Evolve, source: RoundSource) -> Plan:
    """Plan to evolve each row by an operation of its domain, in the order that `evolve.schedule` sets."""
    if params.schedule == "random":
        return plan_at_random(params.operations, source.round, source.seed)
    if params.schedule == "hashed":
        return plan_by_hash(params.operations, source.round, source.seed)
    return plan_in_turn(params.operations, source.round)


def plan_in_turn(sets: OperationSets, round: str) -> Plan:
    """Plan operation number (i + r) mod n of the n operations of a row's domain (arXiv:2412.11231).

    i is the position of its seed row in the source, the same in every round; r is the round, from 0. No
    lineage repeats an operation within n rounds.
    """
    number = parse_round_number(round)

    def step(row: Instruction) -> Step:
        names = _domain_operations(sets, row)
        return build_operation_step(names[(row.seed_place + number) % len(names)], row)

    return step


def plan_by_hash(sets: OperationSets, round: str, seed: int) -> Plan:
    """Plan operation number (h + r) mod n, with h hashed from the seed row's id, and r as in `plan_in_turn`.

    A row added to the source changes no other row's operation, and no lineage repeats one within n rounds.
    """
    number = parse_round_number(round)

    def step(row: Instruction) -> Step:
        names = _domain_operations(sets, row)
        first = int(draw_value(seed, "operation", row.seed_id) * len(names))
        return build_operation_step(names[(first + number) % len(names)], row)

    return step


def plan_at_random(sets: OperationSets, round: str, seed: int) -> Plan:
    """Sample each row's operation from its domain's; it depends on seed, round and row id alone."""

    def step(row: Instruction) -> Step:
        names = _domain_operations(sets, row)
        return build_operation_step(
            names[int(draw_value(seed, f"operation {round}", row.id) * len(names))], row
        )

    return step


def parse_round_number(name: str) -> int:
    """Parse the number in a round's name, minus 1: r3 and r3b are both 2."""
    found = re.search(r"\d+", name)
    if not found:
        raise ValueError(f"the round '{name}' has no number in its name")
    return int(found[0]) - 1


def _domain_operations(sets: OperationSets, row: Instruction) -> Sequence[str]:
    """Return the operations of a row's domain; without an entry, those of DEFAULT that fit it."""
    if own := sets.get(row.domain):
        return own
    return _default_operations(tuple(sets[DEFAULT]), row.domain, current_folder())


@cache
def _default_operations(names: tuple[str, ...], domain: str, folder: Path) -> Sequence[str]:
    """Filter operations by domain. folder: of the prompts; part of the cache's key."""
    found = {name: read_operation(name).traits.domains for name in names}
    return [name for name in names if not found[name] or domain in found[name]]


def build_operation_step(name: str, row: Instruction) -> Step:
    """Build the step that evolves a row by one operation, with one step per child."""
    operation = read_operation(name)
    first, *others = (_build_step(operation, row, sample) for sample in range(operation.traits.children))
    return first._replace(also=tuple(others))


def _build_step(operation: Operation, row: Instruction, sample: int, replies: tuple[str, ...] = ()) -> Step:
    """Build the step after some replies of an operation. sample: number of the child, from 0."""
    traits, templates = operation.traits, operation.templates
    given = dict(zip(traits.steps, replies, strict=False))
    prompt = render_prompt(
        templates[len(replies)],
        **given,
        history=format_history(row),
        instruction=row.instruction,
        input=row.input,
        answer=row.output,
    )
    step = Step(row, EVOL, operation.name, prompt, methods.extract_instruction, traits.keeps_input)
    step = step._replace(
        new_task=traits.new_task,
        sample=sample,
        keeps_answer=traits.keeps_answer,
        needs_answer=traits.needs_answer,
    )
    if len(replies) == len(traits.steps):
        return step
    return step._replace(then=lambda text: _build_step(operation, row, sample, (*replies, text.strip())))
