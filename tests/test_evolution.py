"""One round of evolution: who is asked what, and what its reply becomes."""

from __future__ import annotations

import pytest
from conftest import reply

from evobuild import evolution, operations
from evobuild.models.door import Model
from evobuild.models.request import Sampling
from evobuild.tables import Instruction, Reject, content_id, row_id
from evobuild.uri import ChatModel

METHOD = "Rewrite it.\n\n#Instruction#:\n{instruction}"
NAMES = ["constraints", "deepening", "breadth"]
HARDER = "#Finally Rewritten Instruction#: Name a long river in Asia."


def evolve(parents, plan, round="r1"):
    with Model(ChatModel("simulated", "fake")) as model:
        return list(evolution.evolve(parents, plan, round, model, Sampling()))


def child_of(parent, text, plan=None):
    step = (plan or evolution.by_method(METHOD))(0, parent)
    return evolution.child(parent, step, reply("k", text), "r1", "fake:model")


@pytest.mark.parametrize(
    ("place", "round_number", "name"),
    [
        (0, 0, "constraints"),
        (0, 1, "deepening"),
        (1, 1, "breadth"),
        (2, 1, "constraints"),
        (7, 3, "deepening"),
    ],
)
def test_row_i_of_round_r_gets_operation_i_plus_r(row, place, round_number, name):
    assert operations.by_operations(NAMES, round_number)(place, row()).operation == name


@pytest.mark.parametrize(("name", "number"), [("r1", 1), ("r12", 12), ("r3b", 3)])
def test_a_round_is_numbered_by_its_name(name, number):
    assert operations.round_number(name) == number


@pytest.mark.parametrize("name", operations.OPERATIONS)
def test_only_a_child_in_breadth_starts_without_the_input(row, name):
    parent = row("Sum these up.", input="1, 2, 3")
    child = child_of(parent, "Average these.", operations.by_operations([name], 0))
    assert child.input == ("" if name == "breadth" else "1, 2, 3")


@pytest.mark.parametrize(
    "plan", [evolution.by_method(METHOD), *(operations.by_operations([n], 0) for n in operations.OPERATIONS)]
)
def test_the_evolver_sees_instruction_input_and_conversation(row, plan):
    parent = row(
        "Sum these up.", input="1, {{ 2 }}, {instruction}", history=(("user", "Hi."), ("assistant", "Hello."))
    )
    prompt = plan(0, parent).prompt
    for text in ("Sum these up.", "1, {{ 2 }}, {instruction}", "user: Hi.", "assistant: Hello."):
        assert text in prompt


def test_a_child_descends_from_its_parent(row):
    parent = row(id="p", seed_id="s", parent_id="g", round="r1", domain="math", output="Nile", model="old")
    child = child_of(parent, HARDER)
    assert child == Instruction(
        id=row_id("r1", "p", child.content_id),
        content_id=content_id((), "Name a long river in Asia.", ""),
        seed_id="s",
        parent_id="p",
        round="r1",
        domain="math",
        history=(),
        instruction="Name a long river in Asia.",
        input="",
        output="",
        operation=evolution.by_method(METHOD)(0, parent).operation,
        model="fake:model",
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("no label", "unparsable"),
        ("#Finally Rewritten Instruction#:", "empty"),
        ("#Finally Rewritten Instruction#: name a RIVER", "unchanged"),
        ("#Finally Rewritten Instruction#: Name a river: the input", "unchanged"),
        ("#Finally Rewritten Instruction#: #Input#: Name a river there.", "markers copied"),
        (" ", "empty"),
    ],
)
def test_a_reply_that_is_no_evolution_is_a_reject_with_the_reply(row, text, reason):
    rejected = child_of(row(input="the input"), text)
    assert isinstance(rejected, Reject)
    assert (rejected.reason, rejected.reply) == (reason, text)


@pytest.mark.parametrize(
    ("given", "evolved", "kept"),
    [
        ("1, 2, 3", "Sum up 1, 2, 3 twice.", ""),
        ("1, 2, 3\n", "Sum up 1, 2, 3 twice.", ""),
        ("1, 2, 3", "Sum up these twice.", "1, 2, 3"),
        ("5", "Write 15 words about the number.", "5"),
        ("art", "Start with the word.", "art"),
        ("this", "Sum up this and that.", "this"),
        ("", "Sum up all.", ""),
    ],
)
def test_an_input_that_the_instruction_took_in_is_not_said_twice_and_no_other_is_lost(
    row, given, evolved, kept
):
    child = child_of(row("Sum up this.", input=given), f"#Final Rewritten Instruction#: {evolved}")
    assert (child.instruction, child.input) == (evolved, kept)


def test_every_parent_gives_exactly_one_child_or_reject(row, engine):
    engine(lambda asked: HARDER if "even" in asked.messages[0].content else "no label", capacity=3)
    parents = [row(f"Row {number} is {'odd' if number % 2 else 'even'}.") for number in range(20)]
    results = evolve(parents, evolution.by_method(METHOD))
    children = [result for result in results if isinstance(result, Instruction)]
    rejects = [result for result in results if isinstance(result, Reject)]
    assert {child.parent_id for child in children} == {parent.id for parent in parents[::2]}
    assert {reject.id for reject in rejects} == {parent.id for parent in parents[1::2]}
    assert len(results) == len(parents)


def test_equal_children_of_two_parents_are_two_rows_of_one_content(row, engine):
    engine(lambda asked: HARDER)
    one, two = evolve([row("Name a river."), row("Name a lake.")], evolution.by_method(METHOD))
    assert one.content_id == two.content_id
    assert one.id != two.id


def test_a_child_is_another_row_in_another_round(row, engine):
    engine(lambda asked: HARDER)
    (first,), (second,) = (evolve([row()], evolution.by_method(METHOD), name) for name in ("r1", "r2"))
    assert first.content_id == second.content_id
    assert first.id != second.id


def test_one_failed_request_harms_no_other(row, engine):
    engine(
        lambda asked: (
            reply(asked.key, "", error="prompt too long") if "bad" in asked.messages[0].content else HARDER
        )
    )
    results = evolve([row("A bad one."), row("A good one.")], evolution.by_method(METHOD))
    assert sorted(type(result).__name__ for result in results) == ["Instruction", "Reject"]
    rejected = next(result for result in results if isinstance(result, Reject))
    assert (rejected.reason, rejected.detail) == ("model error", "prompt too long")
