"""Operations are declared by their templates: traits, what is asked, and which rows they are for."""

from __future__ import annotations

import hashlib

import polars as pl
import pytest
from workspace import SHIPPED_PARAMS

from evobuild.cli.check.all_params import load_all_params
from evobuild.core.errors import BadParams
from evobuild.core.uri import ChatModel
from evobuild.evolution import operations
from evobuild.evolution.declared_operations import Traits, list_operations, read_operation
from evobuild.evolution.evolve import Round
from evobuild.evolution.round_tables import RoundTables
from evobuild.models.client import Model

GOLD = '{"answer": "7", "n": 2}'

BEFORE = {
    "constraints": "41cdb9e06e7eca30d438",
    "deepening": "25e9a280239d7bb85374",
    "concretizing": "eb3a09eca79a7d0454e0",
    "reasoning": "ccaea3969943ff3a0ccd",
    "complicate_input": "6862c55800f1adbec73f",
    "breadth": "8ad3b553e714d21aec35",
}
"""Digests of the prompts of two rows, as they were when operations were declared in Python."""


def text(asked):
    """The prompt of a request."""
    return asked.messages[0].content


@pytest.mark.parametrize("name", BEFORE)
def test_the_prompts_of_the_six_are_what_they_were(row, name):
    talk = (("user", "Hi {{ 1 }}."), ("assistant", "Hello."))
    rows = [row("Name a river."), row("Sum these {% up %}.\n\nNow.", input="1, {{ 2 }}\n3", history=talk)]
    sent = "\0".join(operations.build_operation_step(name, each).prompt for each in rows)
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
def test_the_opening_comment_has_the_traits(declare, comment, traits):
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
        ("children: 1; children: 2", "own.jinja: duplicate trait children"),
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
        ("constrains", "'constrains'; did you mean 'constraints', "),
        ("width", "unknown operation 'width'; choose from: breadth, code_complexity, "),
        ("weak", "'weak' is a method; expected an operation, or evolve.method"),
    ],
)
def test_an_operation_that_no_template_declares_is_named_with_the_near_ones(declare, name, message):
    with pytest.raises(BadParams) as caught:
        read_operation(name)
    assert message in str(caught.value)


def test_a_template_in_the_folder_is_an_operation(declare, row):
    declare("bug_hunt", "{# domains: [code] #}Hide a bug: {{ instruction }}")
    assert "bug_hunt" in list_operations() and "e0" not in list_operations()
    step = operations.build_operation_step("bug_hunt", row("Sort a list."))
    assert (step.operation, step.prompt) == ("bug_hunt", "Hide a bug: Sort a list.")


def test_an_operation_of_the_default_is_for_rows_of_its_domains_alone(declare, row):
    declare("bug_hunt", "{# domains: [code] #}Hide a bug: {{ instruction }}")
    plan = operations.plan_in_turn({"default": ["bug_hunt", "deepening"]}, "r1")
    rows = [row("Sort.", domain=domain, seed_place=place) for domain in ("code", "chat") for place in (0, 1)]
    assert [plan(each).operation for each in rows] == ["bug_hunt", "deepening", "deepening", "deepening"]


def evolved(name, rows, answer, engine, **changes):
    """Evolve rows by one operation, with a model that answers so; give the requests and the tables."""
    fake = engine(answer)
    params = load_all_params(SHIPPED_PARAMS).evolve.model_copy(update=changes)
    made = RoundTables("r1", params.on_failure == "keep_parent")
    with Model(ChatModel("simulated", "fake")) as evolver:
        plan = operations.plan_in_turn({"default": [name]}, "r1")
        made.add(Round("r1", plan, params, 42, evolver, gold=("answer",)).evolve(lambda: rows))
    return fake.asked, made


def test_each_step_is_given_the_replies_before_it(declare, row, engine):
    declare("steps/tags", "Tags of: {{ instruction }}")
    declare("steps/more_tags", "More than: {{ tags }}")
    declare("rebuilt", "{# steps: [tags, more_tags] #}From {{ tags }} and {{ more_tags }}: {{ instruction }}")
    replies = {"Tags": " lakes\n", "More": "rivers", "From": "Compare a lake with a river."}
    asked, made = evolved("rebuilt", [row("Name a lake.")], lambda each: replies[text(each)[:4]], engine)
    sent = ["Tags of: Name a lake.", "More than: lakes", "From lakes and rivers: Name a lake."]
    assert [text(each) for each in asked] == sent
    (child,) = made.frame("child").to_dicts()
    assert (child["instruction"], child["operation"]) == ("Compare a lake with a river.", "rebuilt")
    assert made.frame("replies").height == 1


def test_a_step_without_a_reply_ends_its_child_alone(declare, row, engine):
    declare("steps/tags", "Tags of: {{ instruction }}")
    declare("rebuilt", "{# steps: [tags] #}From {{ tags }}: {{ instruction }}")
    rows = [row("Name a lake."), row("Name a river.")]

    def answer(each):
        return "" if text(each) == "Tags of: Name a lake." else "Name a long river in Asia."

    _, made = evolved("rebuilt", rows, answer, engine)
    assert dict(made.frame("rejects").select("id", "reason").iter_rows()) == {rows[0].id: "empty"}
    assert made.frame("child")["parent_id"].to_list() == [rows[1].id]


def test_each_child_is_of_a_sample_of_its_own(declare, row, engine):
    declare("several", "{# children: 3 #}Harder: {{ instruction }}")
    asked, made = evolved("several", [row()], lambda each: f"Name river {each.sampling.seed}.", engine)
    assert len({text(each) for each in asked}) == 1
    seeds = [each.sampling.seed for each in asked]
    assert len(set(seeds)) == 3 and seeds[0] == 42 and not {43, 44} & set(seeds)
    assert made.frame("child").height == 3
    assert made.balance(1)["in"] == 3


def test_of_children_of_equal_text_all_but_one_are_rejects(declare, row, engine):
    declare("several", "{# children: 3 #}Harder: {{ instruction }}")
    parent = row()
    _, made = evolved("several", [parent], lambda each: "Name a long river in Asia.", engine)
    assert made.frame("child").height == 1
    lost = dict(made.frame("rejects").select("id", "reason").iter_rows())
    assert lost == {f"{parent.id}/{number}": "exact duplicate" for number in (1, 2)}


@pytest.mark.parametrize("keeps", [False, True])
def test_a_failed_child_loses_no_other(declare, row, engine, keeps):
    declare("several", "{# children: 3 #}Harder: {{ instruction }}")
    parent = row()

    def answer(each):
        return "" if each.sampling.seed == 42 else f"Name river {each.sampling.seed}."

    given = {"on_failure": "keep_parent"} if keeps else {}
    _, made = evolved("several", [parent], answer, engine, **given)
    assert made.frame("child").filter(pl.col("operation") == "several").height == 2
    assert made.frame("child").height == 2 + keeps


@pytest.mark.parametrize(("trait", "extra"), [("keeps_answer: true", GOLD), ("", '{"n": 2}')])
def test_a_gold_answer_is_a_childs_only_if_its_operation_keeps_the_answer(declare, row, engine, trait, extra):
    declare("own", f"{{# {trait} #}}Harder: {{{{ instruction }}}}")
    _, made = evolved("own", [row(extra=GOLD), row("No gold?")], lambda each: f"{text(each)} Why?", engine)
    assert sorted(made.frame("child")["extra"]) == ["", extra]


def test_without_any_other_column_nothing_travels_along(declare, row, engine):
    declare("own", "Harder: {{ instruction }}")
    _, made = evolved("own", [row(extra='{"answer": "7"}')], lambda each: f"{text(each)} Why?", engine)
    assert made.frame("child")["extra"].to_list() == [""]


def test_a_parent_that_stays_keeps_its_gold_answer(declare, row, engine):
    declare("own", "Harder: {{ instruction }}")
    _, made = evolved("own", [row(extra=GOLD)], lambda each: "", engine, on_failure="keep_parent")
    assert made.frame("child")["extra"].to_list() == [GOLD]


def test_the_answer_of_the_parent_is_shown_and_without_one_nothing_is_asked(declare, row, engine):
    declare("own", "{# needs_answer: true #}{{ instruction }} has the answer {{ answer }}")
    rows = [row("Name a lake.", output="Garda"), row("Name a river.")]
    asked, made = evolved("own", rows, lambda each: "Name a long river.", engine, on_failure="retry")
    assert [text(each) for each in asked] == ["Name a lake. has the answer Garda"]
    assert dict(made.frame("rejects").select("id", "reason").iter_rows()) == {rows[1].id: "not answered"}
    assert made.frame("failures").height == 1


@pytest.mark.parametrize(("trait", "children"), [("needs_answer: true", 1), ("", 0)])
def test_a_child_may_repeat_an_answer_that_its_evolver_was_shown(declare, row, engine, trait, children):
    answer = "def area(width, height):\n    total = width * height\n    return total"
    declare("own", f"{{# {trait} #}}{{{{ instruction }}}} {'{{ answer }}' * bool(trait)}")
    parent = row("Write a function for an area.", output=answer)
    _, made = evolved("own", [parent], lambda each: f"{answer}\n\nFind the mistake in that.", engine)
    assert made.frame("child").height == children
