"""The strategy `auto`: one evolving method for all rows, as Auto Evol-Instruct has it (arXiv:2406.00770)."""

from __future__ import annotations

from pathlib import Path

from evobuild.core.instructions import AUTO
from evobuild.evolution import methods
from evobuild.evolution.params import Evolve
from evobuild.evolution.step import Plan, RoundSource, Step

METHOD_PREFIX = "method-"


def plan_auto(params: Evolve, source: RoundSource) -> Plan:
    """Evolve every row with the method that params name. Raises BadInput if its file holds none."""
    if params.method == "optimized":
        return plan_by_method(methods.read_method_file(source.optimized))
    if params.method == "file":
        return plan_by_method(methods.read_method_file(Path(params.file)))
    return plan_by_method(methods.initial_method(params.method))


def method_operation(method: str) -> str:
    """Name the operation of a method: METHOD_PREFIX and its digest."""
    return METHOD_PREFIX + methods.method_digest(method)


def plan_by_method(method: str) -> Plan:
    """Evolve every row with one method."""
    name = method_operation(method)
    return lambda row: Step(
        row, AUTO, name, methods.fill_method(method, row), methods.read_evolved_instruction, True
    )
