"""Strategies of evolution: the registry of how the rows of a round are evolved.

A strategy is a module with a function that plans a round: from a row, the `Step` to evolve it by. What it
needs is in the section `evolve` of params and in a `RoundSource`.
"""

from __future__ import annotations

from collections.abc import Callable

from evobuild.core.prompts import current_folder
from evobuild.core.reads import Reads
from evobuild.evolution.auto import plan_auto
from evobuild.evolution.operations import OPERATIONS, plan_evol
from evobuild.evolution.params import Evolve, Strategy
from evobuild.evolution.step import Plan, RoundSource

STRATEGIES: dict[Strategy, Callable[[Evolve, RoundSource], Plan]] = {"auto": plan_auto, "evol": plan_evol}
"""The function that plans a round, by the name in `evolve.strategy`."""

OPTIMIZED = "method"
"""The input of the stage that holds the method that `optimize` improved."""


def reads_of_strategy(params: Evolve) -> Reads:
    """What evolving by the strategy that params name reads; a new one all of `evolve`, and every prompt."""
    if params.strategy == "auto":
        is_own = params.method == "file"
        return Reads(
            unused=("evolve.operations", "evolve.schedule", *(() if is_own else ("evolve.file",))),
            prompts=(f"evolve/{params.method}.jinja",) if params.method in ("e0", "weak") else (),
            files=(params.file,) if is_own else (),
            ignored=() if params.method == "optimized" else (OPTIMIZED,),
        )
    if params.strategy == "evol":
        used = {OPERATIONS[name] for names in params.operations.values() for name in names}
        unused = ("evolve.method", "evolve.file")
        return Reads(unused=unused, prompts=tuple(sorted(used)), ignored=(OPTIMIZED,))
    folder = current_folder()
    every = sorted(path.relative_to(folder).as_posix() for path in (folder / "evolve").glob("*.jinja"))
    return Reads(prompts=tuple(every), files=(params.file,))


def plan_round(params: Evolve, source: RoundSource) -> Plan:
    """Plan a round by the strategy that params name. Raises BadInput if the method it wants is not there."""
    return STRATEGIES[params.strategy](params, source)
