"""Rows of the AutoIF branch for its tests: constraints, rows with a constraint, tables of them, params."""

from __future__ import annotations

from pathlib import Path

from workspace import SHIPPED_PARAMS

from evobuild.autoif.records import VERIFIED, Case, constraint_operation
from evobuild.autoif.verified import Function, Verified
from evobuild.cli.check.all_params import Params, load_all_params
from evobuild.core import tables
from evobuild.core.instructions import INSTRUCTIONS, Instruction, row_id

NO_COMMA = "def evaluate(response):\n    return ',' not in response"
SHORT = "def evaluate(response):\n    return len(response) < 20"


def constraint(own="c1", text="Use no comma.", codes=(NO_COMMA, SHORT), model=""):
    """A constraint with functions, the first the most accurate, and one case."""
    functions = tuple(Function(code, 1.0 - place / 10) for place, code in enumerate(codes))
    return Verified(own, text, model, functions, (Case("Yes.", True),))


def write_constraints(path: Path, *given: Verified) -> Path:
    """Write a VERIFIED table."""
    rows = [
        (*each[:3], [one._asdict() for one in each.functions], [one._asdict() for one in each.cases])
        for each in given
    ]
    tables.write(path, tables.frame(VERIFIED, rows))
    return path


def write_rows(path: Path, *given: Instruction) -> Path:
    """Write an instruction table."""
    tables.write(path, tables.frame(INSTRUCTIONS, given))
    return path


def of_branch(parent: Instruction, own="c1") -> Instruction:
    """A row that puts a constraint to a seed row."""
    name = row_id("autoif", parent.id, own)
    made = {"strategy": "autoif", "operation": constraint_operation(own), "output": ""}
    return parent._replace(id=name, parent_id=parent.id, round="autoif", **made)


def changed(section: str, given: Params | None = None, /, **values: object) -> Params:
    """The given params, or those that are shipped, with some values of the branch changed."""
    given = given or load_all_params(SHIPPED_PARAMS)
    part = getattr(given.autoif, section).model_copy(update=values)
    return given.model_copy(update={"autoif": given.autoif.model_copy(update={section: part})})
