"""Render again the prompts that an evolver got for a child, from its parent and the name of its operation."""

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
from evobuild.evolution.declared_operations import list_operations, operation_template, read_operation
from evobuild.evolution.params import INITIAL_METHODS
from evobuild.evolution.step import Plan, Step
from evobuild.scoring.reward import EvolverTurns

KnownPlans = Mapping[str, tuple[Plan, str]]
"""Plan of each operation, and the file of its text, by the operation's name."""

_NOT_EVOLVED = ("", AUTOIF)
"""Strategies whose rows no evolver wrote."""


def list_known_templates() -> tuple[str, ...]:
    """List the prompts of `collect_plans` and `collect_methods`."""
    declared = (read_operation(name).templates for name in list_operations())
    return (
        *(name for each in declared for name in each),
        *(f"evolve/{name}.jinja" for name in INITIAL_METHODS),
    )


def collect_plans(texts: Iterable[tuple[str, str]]) -> KnownPlans:
    """Collect the plans of operations and of methods, given as file and text; the first of equals counts."""
    found: dict[str, tuple[Plan, str]] = {}
    for name in list_operations():
        place = str(prompt_file(operation_template(name)))
        found[name] = partial(operations.build_operation_step, name), place
    for place, method in texts:
        found.setdefault(method_operation(method), (plan_by_method(method), place))
    return found


def collect_methods(*files: Path, initial: Collection[str] = INITIAL_METHODS) -> Iterator[tuple[str, str]]:
    """Yield methods that may have been used, as file and text: those of existing files, and of e0 and weak.

    initial: which of e0 and weak.
    """
    for path in files:
        # A file without a method was not used.
        with suppress(BadInput):
            if path.exists():
                yield str(path), methods.read_method_file(path)
    for name in initial:
        yield str(prompt_file(f"evolve/{name}.jinja")), methods.render_initial_method(name)


def build_first_step(operation: str, parent: Instruction, known: KnownPlans) -> Step | None:
    """Build the first step of an operation for a parent; None if the text of the operation is missing."""
    return known[operation][0](parent) if operation in known else None


def render_step(
    operation: str, parent: Instruction, known: KnownPlans, has_answer: bool = False
) -> tuple[Step | None, str]:
    """Render what the evolver got, and name the file of its text; None and the reason if that is unknown.

    Neither the replies to earlier steps nor the answers of parents are in the tables of rounds.

    has_answer: whether the parent has the answer that it got in its pool.
    """
    if (step := build_first_step(operation, parent, known)) is None:
        return None, f"the text of {operation or 'its method'} is not here"
    _, place = known[operation]
    if step.needs_answer and not (has_answer and parent.output):
        return None, f"{place} shows the parent's answer, which is not here"
    return (None, f"{place} asks in steps, whose replies are not kept") if step.then else (step, place)


def is_evolved(row: Instruction) -> bool:
    """Return whether an evolver wrote a row: not a seed row, a kept parent, or a composed row."""
    return row.strategy not in _NOT_EVOLVED and row.operation != KEPT


def is_evolved_expr() -> pl.Expr:
    """Build the expression of `is_evolved` for a table."""
    return ~pl.col("strategy").is_in(_NOT_EVOLVED) & (pl.col("operation") != KEPT)


def build_evolver_turns(
    row: Instruction, parent: Instruction | None, known: KnownPlans
) -> EvolverTurns | Reject:
    """Build the conversation of an evolver: its prompt for a row's parent, and the row as the answer.

    The answer is the row's instruction, with its input if the evolver wrote a new one. Returns a reject if
    the parent or the text of the operation is missing.
    """
    if parent is None:
        return Reject(row.id, "no parent", f"{row.parent_id} is not in its table", "")
    step, place = render_step(row.operation, parent, known)
    if step is None:
        return Reject(row.id, "no prompt", place, "")
    new = f"\n\n#Input#:\n{row.input}" if row.input and row.input != parent.input else ""
    return EvolverTurns(row.id, step.prompt, row.instruction + new)
