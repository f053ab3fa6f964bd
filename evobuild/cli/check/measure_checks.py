"""What params say of the measures that they declare: names that are free, templates that fit."""

from __future__ import annotations

from collections.abc import Mapping

from evobuild.core.errors import BadParams
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.core.measures import BUILT_IN, EMBEDDING, RANDOM, all_metrics
from evobuild.core.prompts import prompt_file, template_variables
from evobuild.core.suggestions import unknown_name
from evobuild.scoring.params import VARIABLES, DeclaredMeasure

OTHER_COLUMNS = ("metric", "worth", "uncut", "answered", "pool", "words", "language")
"""Columns that `select` works with."""


def check_measures(declared: Mapping[str, DeclaredMeasure]) -> None:
    """Raise BadParams at a name that is taken, or at a template that cannot ask for its measure."""
    for name, measure in declared.items():
        if name in _taken_names():
            raise BadParams(f"params.yaml: measures.{name}: a built-in column has this name; choose another")
        _check_template(name, measure)


def _taken_names() -> set[str]:
    built_in = {name for each in (*BUILT_IN, EMBEDDING) for name in (each.folder, *each.schema)}
    columns = {column.name for each in BUILT_IN for column in each.columns}
    return {*INSTRUCTIONS, *OTHER_COLUMNS, *built_in, *columns, *all_metrics(), RANDOM}


def _check_template(name: str, measure: DeclaredMeasure) -> None:
    where = f"params.yaml: measures.{name}: {prompt_file(measure.template)}"
    used = template_variables(measure.template)
    if unknown := sorted(used - VARIABLES):
        raise BadParams(f"{where}: {unknown_name('variable', unknown[0], VARIABLES)}")
    wanted = "answer" if measure.of == "answer" else "instruction"
    if wanted not in used:
        raise BadParams(f"{where} does not use {{{{ {wanted} }}}}, which is what it is to judge; add it")
