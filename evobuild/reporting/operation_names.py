"""Names of the operations that made rows, as pages show them: a method's step in place of its digest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from evobuild.core import tables
from evobuild.core.evolution_tables import CANDIDATES
from evobuild.evolution import methods
from evobuild.evolution.auto import METHOD_PREFIX, method_operation
from evobuild.evolution.params import INITIAL_METHODS, Evolve, used_methods


class OperationNames(NamedTuple):
    """Names by operation. unknown: what a method without one is called."""

    known: Mapping[str, str]
    unknown: str

    def name(self, operation: str) -> str:
        """Name an operation. Instances: "method-3be8db77c22e" -> "initial method"; "deepening" stays."""
        if not operation.startswith(METHOD_PREFIX):
            return operation
        return self.known.get(operation, self.unknown)


def read_operation_names(evolve: Evolve, optimization: Path) -> OperationNames:
    """Name each evolving method that was tried by its step.

    Raises BadInput if the table of candidates is missing or not as it should be.
    """
    found = tables.read(
        optimization / "candidates.parquet", CANDIDATES, ["step", "candidate", "method", "chosen"]
    )
    known: dict[str, str] = {}
    for step, candidate, method, chosen in found.sort("step", "candidate").iter_rows():
        if method:
            operation = method_operation(methods.normalise_slot(method.strip()))
            known.setdefault(operation, _name(step, candidate, chosen))
    used = used_methods(evolve.method, evolve.methods)
    if len(used) > 1 or "optimized" in used:
        return OperationNames(known, "evolving method")
    name = evolve.file if used == ["file"] else used[0]
    initial = f"initial method {name}" if name in INITIAL_METHODS else f"method of {name}"
    return OperationNames(known, initial)


def _name(step: int, candidate: int, chosen: bool) -> str:
    if not step:
        return "initial method"
    return f"optimized method, step {step}" + ("" if chosen else f", candidate {candidate}")
