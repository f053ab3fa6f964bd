"""Implement the strategy `auto`: evolving methods, as in Auto Evol-Instruct (arXiv:2406.00770), by domain."""

from __future__ import annotations

from evobuild.core.instructions import AUTO
from evobuild.evolution import methods
from evobuild.evolution.params import DEFAULT, Evolve, used_methods
from evobuild.evolution.step import Plan, RoundSource, Step

METHOD_PREFIX = "method-"


def plan_auto(params: Evolve, source: RoundSource) -> Plan:
    """Plan to evolve every row with the method of its domain. Raises BadInput if a file holds no method."""
    files = {
        name: methods.read_method_file(source.optimized)
        if name == "optimized"
        else methods.named_method(name, params.file)
        for name in used_methods(params.method, params.methods)
    }
    plans = {name: plan_by_method(method) for name, method in files.items()}
    default = params.methods.get(DEFAULT, params.method)
    return lambda row: plans[params.methods.get(row.domain, default)](row)


def method_operation(method: str) -> str:
    """Return the operation name of a method: METHOD_PREFIX and its digest."""
    return METHOD_PREFIX + methods.method_digest(method)


def plan_by_method(method: str) -> Plan:
    """Plan to evolve every row with one method."""
    name = method_operation(method)
    return lambda row: Step(
        row, AUTO, name, methods.fill_method(method, row), methods.read_evolved_instruction, True
    )
