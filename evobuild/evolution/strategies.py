"""Strategies of evolution: the registry of how the rows of a round are evolved.

A strategy is a module with a function that plans a round: from a row, the `Step` to evolve it by. What it
needs is in the section `evolve` of params and in a `RoundSource`.
"""

from __future__ import annotations

from collections.abc import Callable

from evobuild.core.prompts import current_folder
from evobuild.evolution.auto import plan_auto
from evobuild.evolution.declared_operations import Operation, read_operation
from evobuild.evolution.operations import plan_evol
from evobuild.evolution.params import Evolve, Strategy
from evobuild.evolution.step import Plan, RoundSource

STRATEGIES: dict[Strategy, Callable[[Evolve, RoundSource], Plan]] = {"auto": plan_auto, "evol": plan_evol}
"""The function that plans a round, by the name in `evolve.strategy`."""


def templates_of_strategy(params: Evolve) -> tuple[str, ...]:
    """Name the prompts of the strategy that params name; of a new one every prompt in the folder evolve/."""
    if params.strategy == "auto":
        return (f"evolve/{params.method}.jinja",) if params.method in ("e0", "weak") else ()
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


def most_calls(params: Evolve) -> int:
    """The most calls that an attempt at a row takes."""
    return max((operation.calls for operation in named_operations(params)), default=1)


def reads_optimized(params: Evolve) -> bool:
    """Whether the strategy reads the method that `optimize` improved."""
    return (params.strategy, params.method) == ("auto", "optimized")


def reads_file(params: Evolve) -> bool:
    """Whether the strategy may read the method in `evolve.file`; a new one may."""
    return params.strategy not in ("auto", "evol") or (params.strategy, params.method) == ("auto", "file")


def plan_round(params: Evolve, source: RoundSource) -> Plan:
    """Plan a round by the strategy that params name. Raises BadInput if the method it wants is not there."""
    return STRATEGIES[params.strategy](params, source)
