"""Strategies of evolution: the registry of how the rows of a round are evolved.

A strategy is a module with a function that plans a round: from a row, the `Step` to evolve it by. What it
needs is in the section `evolve` of params and in a `RoundSource`.
"""

from __future__ import annotations

from collections.abc import Callable

from evobuild.evolution.auto import plan_auto
from evobuild.evolution.operations import plan_evol
from evobuild.evolution.params import Evolve, Strategy
from evobuild.evolution.step import Plan, RoundSource

STRATEGIES: dict[Strategy, Callable[[Evolve, RoundSource], Plan]] = {"auto": plan_auto, "evol": plan_evol}
"""The function that plans a round, by the name in `evolve.strategy`."""


def plan_round(params: Evolve, source: RoundSource) -> Plan:
    """Plan a round by the strategy that params name. Raises BadInput if the method it wants is not there."""
    return STRATEGIES[params.strategy](params, source)
