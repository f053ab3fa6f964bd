"""Register the strategies of evolution: how the rows of a round are evolved.

A strategy is a module with a function that plans a round: it returns a function from a row to the `Step` that
evolves it. Its arguments are the section `evolve` of params and a `RoundSource`.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import fmean

from evobuild.core.prompts import current_folder
from evobuild.evolution.auto import plan_auto
from evobuild.evolution.declared_operations import Operation, read_operation
from evobuild.evolution.operations import plan_evol
from evobuild.evolution.params import DEFAULT, INITIAL_METHODS, Evolve, Strategy, method_paths, used_methods
from evobuild.evolution.step import Plan, RoundSource

STRATEGIES: dict[Strategy, Callable[[Evolve, RoundSource], Plan]] = {"auto": plan_auto, "evol": plan_evol}
"""Function that plans a round, by the name in `evolve.strategy`."""


def strategy_templates(params: Evolve) -> tuple[str, ...]:
    """List the prompts of the strategy in params; for a new strategy, every prompt in the folder evolve/."""
    if params.strategy == "auto":
        used = used_methods(params.method, params.methods)
        return tuple(f"evolve/{name}.jinja" for name in used if name in INITIAL_METHODS)
    if params.strategy == "evol":
        return tuple(sorted({name for each in named_operations(params) for name in each.templates}))
    folder = current_folder()
    return tuple(sorted(path.relative_to(folder).as_posix() for path in (folder / "evolve").glob("*.jinja")))


def named_operations(params: Evolve) -> list[Operation]:
    """Read the operations of the strategy `evol`; empty for others. Raises as `read_operation`."""
    names = {name for names in params.operations.values() for name in names}
    return [read_operation(name) for name in sorted(names)] if params.strategy == "evol" else []


def reads_answers(params: Evolve) -> bool:
    """Return whether an operation shows the parent's answer to the evolver, so that rounds wait for
    answers.
    """
    return any(operation.traits.needs_answer for operation in named_operations(params))


def count_per_row(params: Evolve, number: Callable[[Operation], int]) -> tuple[float, int]:
    """Return the mean over the operations of most domains, and the maximum, of a number per row.

    number: of an operation, such as its calls; 1 for methods.
    """
    default = params.operations[DEFAULT] if params.strategy == "evol" else ()
    expected = fmean([number(read_operation(name)) for name in default] or [1])
    return expected, max(map(number, named_operations(params)), default=1)


def reads_optimized(params: Evolve) -> bool:
    """Return whether the strategy reads the method that `optimize` improved."""
    return params.strategy == "auto" and "optimized" in used_methods(params.method, params.methods)


def method_files(params: Evolve) -> tuple[str, ...]:
    """List the method files that the strategy may read; a new strategy may read `evolve.file`."""
    if params.strategy != "auto":
        return () if params.strategy == "evol" else (params.file,)
    used = used_methods(params.method, params.methods)
    return (*([params.file] if "file" in used else []), *method_paths(used))


def plan_round(params: Evolve, source: RoundSource) -> Plan:
    """Plan a round by the strategy in params. Raises BadInput if the method that it needs is missing."""
    return STRATEGIES[params.strategy](params, source)
