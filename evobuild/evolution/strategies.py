"""Strategies of evolution: the registry of how the rows of a round are evolved.

A strategy is a module with a function that plans a round: from a row, the `Step` to evolve it by. What it
needs is in the section `evolve` of params and in a `RoundSource`.
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
"""The function that plans a round, by the name in `evolve.strategy`."""


def templates_of_strategy(params: Evolve) -> tuple[str, ...]:
    """Name the prompts of the strategy that params name; of a new one every prompt in the folder evolve/."""
    if params.strategy == "auto":
        used = used_methods(params.method, params.methods)
        return tuple(f"evolve/{name}.jinja" for name in used if name in INITIAL_METHODS)
    if params.strategy == "evol":
        return tuple(sorted({name for each in named_operations(params) for name in each.templates}))
    folder = current_folder()
    return tuple(sorted(path.relative_to(folder).as_posix() for path in (folder / "evolve").glob("*.jinja")))


def named_operations(params: Evolve) -> list[Operation]:
    """The operations that rows are evolved by; none by a method. Raises as `read_operation`."""
    names = {name for names in params.operations.values() for name in names}
    return [read_operation(name) for name in sorted(names)] if params.strategy == "evol" else []


def reads_answers(params: Evolve) -> bool:
    """Whether an operation shows the evolver the answer of a parent, so that rounds wait for answers."""
    return any(operation.traits.needs_answer for operation in named_operations(params))


def per_row(params: Evolve, number: Callable[[Operation], int]) -> tuple[float, int]:
    """What an attempt at a row takes, as the mean of the operations of most domains, and at most.

    number: of an operation, such as its calls. By a method it is 1.
    """
    default = params.operations[DEFAULT] if params.strategy == "evol" else ()
    expected = fmean([number(read_operation(name)) for name in default] or [1])
    return expected, max(map(number, named_operations(params)), default=1)


def reads_optimized(params: Evolve) -> bool:
    """Whether the strategy reads the method that `optimize` improved."""
    return params.strategy == "auto" and "optimized" in used_methods(params.method, params.methods)


def method_files(params: Evolve) -> tuple[str, ...]:
    """The files of methods that the strategy may read; a new one may read that in `evolve.file`."""
    if params.strategy != "auto":
        return () if params.strategy == "evol" else (params.file,)
    used = used_methods(params.method, params.methods)
    return (*([params.file] if "file" in used else []), *method_paths(used))


def plan_round(params: Evolve, source: RoundSource) -> Plan:
    """Plan a round by the strategy that params name. Raises BadInput if the method it wants is not there."""
    return STRATEGIES[params.strategy](params, source)
