"""What an evolver was asked for a child, rendered again from its parent and the name of its operation."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

import polars as pl

from evobuild.core.errors import BadInput
from evobuild.core.instructions import AUTOIF, KEPT, Instruction
from evobuild.core.prompts import prompt_file
from evobuild.core.rejects import Reject
from evobuild.evolution import methods, operations
from evobuild.evolution.auto import method_operation, plan_by_method
from evobuild.evolution.declared_operations import operation_names, operation_template, read_operation
from evobuild.evolution.params import INITIAL_METHODS
from evobuild.evolution.step import Plan, Step
from evobuild.scoring.reward import EvolverTurns

KnownPlans = Mapping[str, tuple[Plan, str]]
"""From an operation's name to how it asks, and the place of its text."""

_NOT_EVOLVED = ("", AUTOIF)
"""Strategies."""


def known_templates() -> tuple[str, ...]:
    """Name the prompts of `known_plans` and `known_methods`."""
    declared = (read_operation(name).templates for name in operation_names())
    return (
        *(name for each in declared for name in each),
        *(f"evolve/{name}.jinja" for name in INITIAL_METHODS),
    )


def known_plans(texts: Iterable[tuple[str, str]]) -> KnownPlans:
    """How each operation asks, and each of some methods, given as place and text; the first counts."""
    found: dict[str, tuple[Plan, str]] = {}
    for name in operation_names():
        place = str(prompt_file(operation_template(name)))
        found[name] = partial(operations.operation_step, name), place
    for place, method in texts:
        found.setdefault(method_operation(method), (plan_by_method(method), place))
    return found


def known_methods(*files: Path, initial: Collection[str] = INITIAL_METHODS) -> Iterator[tuple[str, str]]:
    """Methods that may have been used, by place and text: those of some files, if they hold one, e0, weak.

    initial: those of the last two that may.
    """
    for path in files:
        # What is no method was not used.
        with suppress(BadInput):
            if path.exists():
                yield str(path), methods.read_method_file(path)
    for name in initial:
        yield str(prompt_file(f"evolve/{name}.jinja")), methods.initial_method(name)


def first_step(operation: str, parent: Instruction, known: KnownPlans) -> Step | None:
    """The step that the evolver was asked first; None if the text of the operation is not here."""
    return known[operation][0](parent) if operation in known else None


def step_sent(operation: str, parent: Instruction, known: KnownPlans) -> tuple[Step | None, str]:
    """What the evolver was asked, and of what it is rendered; None if that is not here.

    Neither the replies to earlier steps nor a parent's answer are in the tables of rounds.
    """
    if (step := first_step(operation, parent, known)) is None:
        return None, f"the text of {operation or 'its method'} is not here"
    _, place = known[operation]
    if step.needs_answer:
        return None, f"{place} shows the parent's answer, which is not here"
    return (None, f"{place} asks in steps, whose replies are not kept") if step.then else (step, place)


def is_evolved(row: Instruction) -> bool:
    """Whether a row is what an evolver made of its parent: not of the seed, kept as it was, or composed."""
    return row.strategy not in _NOT_EVOLVED and row.operation != KEPT


def evolved_rows() -> pl.Expr:
    """As `is_evolved`, of the rows of a table."""
    return ~pl.col("strategy").is_in(_NOT_EVOLVED) & (pl.col("operation") != KEPT)


def evolver_turns(row: Instruction, parent: Instruction | None, known: KnownPlans) -> EvolverTurns | Reject:
    """Give what the evolver was asked for a row, and the row as its answer.

    The question is rendered for the parent, never for the row. The answer is the row's instruction, with
    its input if the evolver gave a new one. A reject if the parent or the text of the operation is not here.
    """
    if parent is None:
        return Reject(row.id, "no parent", f"{row.parent_id} is not in its table", "")
    step, place = step_sent(row.operation, parent, known)
    if step is None:
        return Reject(row.id, "no prompt", place, "")
    new = f"\n\n#Input#:\n{row.input}" if row.input and row.input != parent.input else ""
    return EvolverTurns(row.id, step.prompt, row.instruction + new)
