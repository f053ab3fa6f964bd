"""Operations are declared by their templates: traits, what is asked, and which rows they are for."""

from __future__ import annotations

import hashlib
import shutil

import pytest

from evobuild.core import prompts
from evobuild.core.errors import BadParams
from evobuild.evolution import operations
from evobuild.evolution.declared_operations import Traits, operation_names, read_operation

BEFORE = {
    "constraints": "41cdb9e06e7eca30d438",
    "deepening": "25e9a280239d7bb85374",
    "concretizing": "eb3a09eca79a7d0454e0",
    "reasoning": "ccaea3969943ff3a0ccd",
    "complicate_input": "6862c55800f1adbec73f",
    "breadth": "8ad3b553e714d21aec35",
}
"""Digests of the prompts of two rows, as they were when operations were declared in Python."""


@pytest.fixture
def declare(tmp_path):
    """A folder of prompts with the shipped ones, and a way to add an operation or a step."""
    shutil.copytree("prompts", tmp_path / "prompts")

    def add(name: str, text: str) -> None:
        path = tmp_path / f"prompts/evolve/{name}.jinja"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    with prompts.taken_from(tmp_path / "prompts"):
        yield add


@pytest.mark.parametrize("name", BEFORE)
def test_the_prompts_of_the_six_are_what_they_were(row, name):
    talk = (("user", "Hi {{ 1 }}."), ("assistant", "Hello."))
    rows = [row("Name a river."), row("Sum these {% up %}.\n\nNow.", input="1, {{ 2 }}\n3", history=talk)]
    sent = "\0".join(operations.operation_step(name, each).prompt for each in rows)
    assert hashlib.blake2b(sent.encode(), digest_size=10).hexdigest() == BEFORE[name]


def test_of_the_six_only_breadth_is_a_new_task_without_the_input():
    found = {name: read_operation(name).traits for name in BEFORE}
    assert found.pop("breadth") == Traits(keeps_input=False, new_task=True)
    assert set(map(repr, found.values())) == {repr(Traits())}


@pytest.mark.parametrize(
    ("comment", "traits"),
    [
        ("", {}),
        ("{# Make it harder: a lot. #}", {}),
        ("{# domains: [math]; children: 2 #}", {"domains": ["math"], "children": 2}),
        (
            "{#-\n  Prose: more.\n\n  needs_answer: true\n  keeps_answer: true;\n\n  Reply: one. #}",
            {"needs_answer": True, "keeps_answer": True},
        ),
        ("\n{# steps: [one, two] #}", {"steps": ["one", "two"]}),
        ("Rewrite it. {# children: 4 #}", {}),
    ],
)
def test_traits_stand_in_the_opening_comment(declare, comment, traits):
    declare("own", f"{comment}Harder: {{{{ instruction }}}}")
    assert read_operation("own").traits == Traits(**traits)


@pytest.mark.parametrize(
    ("comment", "message"),
    [
        ("keep_input: true", "own.jinja: unknown trait 'keep_input'; did you mean 'keeps_input'?"),
        ("Keeps input: true", "own.jinja: unknown trait 'Keeps input'; did you mean 'keeps_input'?"),
        ("after: Xu et al.", "own.jinja: unknown trait 'after'; choose from: domains, keeps_input"),
        ("children: 0", "own.jinja: children is 0; expected a number from 1 to 8"),
        ("children: two", "own.jinja: children is 'two'; expected a whole number"),
        ("keeps_input: 1", "own.jinja: keeps_input is 1; expected true or false"),
        ("keeps_input:", "own.jinja: keeps_input is null; expected true or false"),
        ("domains: math", "own.jinja: domains is 'math'; expected a list"),
        ("domains: [math", "own.jinja: domains is '[math'; expected a value such as"),
        ("steps: [../a]", "own.jinja: steps.0 is '../a'; expected a name of small letters"),
        ("children: 1; children: 2", "own.jinja: the trait children is given twice"),
    ],
)
def test_a_wrong_trait_is_named_with_its_template(declare, comment, message):
    declare("own", f"{{# {comment} #}}Harder: {{{{ instruction }}}}")
    with pytest.raises(BadParams) as caught:
        read_operation("own")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("constrains", "'constrains'; did you mean 'constraints'?; to declare it, add the template"),
        ("width", "unknown operation 'width'; choose from: breadth, complicate_input, "),
        ("weak", "'weak' is a method; expected an operation, or evolve.method"),
    ],
)
def test_an_operation_that_no_template_declares_is_named_with_the_near_ones(declare, name, message):
    with pytest.raises(BadParams) as caught:
        read_operation(name)
    assert message in str(caught.value)


def test_a_template_in_the_folder_is_an_operation(declare, row):
    declare("bug_hunt", "{# domains: [code] #}Hide a bug: {{ instruction }}")
    assert "bug_hunt" in operation_names() and "e0" not in operation_names()
    step = operations.operation_step("bug_hunt", row("Sort a list."))
    assert (step.operation, step.prompt) == ("bug_hunt", "Hide a bug: Sort a list.")


def test_an_operation_of_the_default_is_for_rows_of_its_domains_alone(declare, row):
    declare("bug_hunt", "{# domains: [code] #}Hide a bug: {{ instruction }}")
    plan = operations.plan_in_turn({"default": ["bug_hunt", "deepening"]}, "r1")
    rows = [row("Sort.", domain=domain, seed_place=place) for domain in ("code", "chat") for place in (0, 1)]
    assert [plan(each).operation for each in rows] == ["bug_hunt", "deepening", "deepening", "deepening"]
