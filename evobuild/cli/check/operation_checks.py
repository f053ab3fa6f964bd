"""Operations of evolution: each that params name is declared by templates that have what it needs."""

from __future__ import annotations

from collections.abc import Iterator

from evobuild.core.errors import BadParams
from evobuild.core.instructions import KEPT
from evobuild.core.params import Pools, Rounds
from evobuild.core.prompts import prompt_file, template_variables
from evobuild.evolution.declared_operations import Operation, read_operation
from evobuild.evolution.params import DEFAULT, Evolve
from evobuild.evolution.strategies import named_operations

GIVEN = ("instruction", "input", "history")
"""Variables that every template of an operation may use."""


def check_operations(params: Evolve) -> None:
    """Raise BadParams at the first operation that is wrong, BadInput at a file that is no template."""
    for domain, names in params.operations.items():
        found = [read_operation(name) for name in names]
        for operation in found:
            _check_name(domain, operation)
            _check_traits(operation, params)
            _check_templates(operation)
        if domain == DEFAULT and all(each.traits.domains for each in found):
            raise BadParams(
                f"params.yaml: evolve.operations.{DEFAULT}: {', '.join(names)} are each for some domains "
                "alone; add an operation without the trait domains, for all other rows"
            )


def check_parents_answered(params: Evolve, rounds: Rounds, pools: Pools) -> None:
    """Raise BadParams at a round whose rows would wait for answers that nothing gives."""
    waiting = [operation for operation in named_operations(params) if operation.traits.needs_answer]
    for name, round_ in rounds.items() if waiting else ():
        if round_.parent not in pools:
            raise BadParams(
                f"params.yaml: rounds.{name}.parent is '{round_.parent}', whose rows get no answers, but the "
                f"operation '{waiting[0].name}' needs them; add {round_.parent} to pools, or take the "
                "operation out of evolve.operations"
            )


def _check_name(domain: str, operation: Operation) -> None:
    key, wanted = f"params.yaml: evolve.operations.{domain}", operation.traits.domains
    if operation.name == KEPT:
        raise BadParams(f"{key}: rows that stay unevolved are called '{KEPT}'; rename the template")
    if wanted and domain not in (DEFAULT, *wanted):
        raise BadParams(
            f"{key}: '{operation.name}' is for {', '.join(wanted)}; name it there, or add {domain} to the "
            f"trait domains of {prompt_file(operation.template)}"
        )


def _check_traits(operation: Operation, params: Evolve) -> None:
    traits, place = operation.traits, prompt_file(operation.template)
    if traits.keeps_answer and traits.new_task:
        raise BadParams(
            f"{place}: keeps_answer and new_task are both true, but another task has another answer; set one "
            "of them to false"
        )
    if traits.children > 1 and params.temperature == 0:
        raise BadParams(
            f"{place}: children is {traits.children}, but evolve.temperature 0 makes them all the same; "
            "expected a temperature above 0, or 1 child"
        )


def _check_templates(operation: Operation) -> None:
    """Each template uses what it is given, and together they use what the operation needs."""
    traits, used = operation.traits, set[str]()
    given = {*GIVEN, *(["answer"] if traits.needs_answer else [])}
    for template, reply in zip(operation.templates, (*traits.steps, ""), strict=True):
        if not (file := prompt_file(template)).is_file():
            raise BadParams(
                f"{prompt_file(operation.template)}: steps has {reply}, but {file} does not exist; add it"
            )
        own = template_variables(template)
        if unknown := sorted(own - given):
            raise BadParams(f"{file}: {_unknown(unknown[0], operation, given)}")
        used |= own
        given.add(reply)
    for name, reason in _needed(operation):
        if name not in used:
            files = ", ".join(str(prompt_file(template)) for template in operation.templates)
            raise BadParams(f"{files}: lacks {{{{ {name} }}}}, {reason}")


def _needed(operation: Operation) -> Iterator[tuple[str, str]]:
    """The variables that an operation needs, each with what to do about one that is lacking."""
    yield "instruction", "the instruction to evolve; put it where the evolver is to read it"
    if operation.traits.needs_answer:
        yield "answer", "for which needs_answer has the round wait; use it, or set needs_answer to false"
    for name in operation.traits.steps:
        yield name, "the reply of that step; use it, or remove the step"


def _unknown(name: str, operation: Operation, given: set[str]) -> str:
    if name == "answer":
        return f"uses {{{{ answer }}}}; add the trait needs_answer: true to {prompt_file(operation.template)}"
    return f"uses {{{{ {name} }}}}, which it is not given; given are: {', '.join(sorted(given))}"
