"""Evolutions that are none: whole replies from a table, then each rule, its limits and its details."""

from __future__ import annotations

import pytest
from verdicts import replies
from verdicts.replies import REPLIES, RULES

from evobuild.evolution import elimination


def test_the_table_of_replies_is_as_large_as_it_is_said_to_be():
    assert len({(case.reply, case.by_method) for case in REPLIES}) == len(REPLIES) >= 60


@pytest.mark.parametrize("case", REPLIES, ids=lambda case: repr(case.reply[-40:]))
def test_a_reply_gives_its_instruction_or_the_reason_why_not(case):
    evolved, reason, detail = replies.verdict(case)
    assert (evolved, reason) == (case.evolved, case.reason)
    assert case.detail in detail


UNCHANGED = [
    ("Name a river.", "Name a river."),
    ("Name a river.", "name a RIVER"),
    ("Name a river.", "  Name\n a   river!? "),
    ("Name a river.", "**Name a river**"),
    ("Name a river.", "Name_a_river"),
    ("写一首诗。", "写一首诗"),
    ("写一首诗。", "写 一首，诗！"),
    ("Straße", "STRASSE"),
    ("Cafe\u0301 au lait", "Café au lait"),
    ("Add 12 and 3", "Add １２ and ３"),
]
COPIED = [
    "#Rewritten Instruction#: Name a long river.",
    "#Finally Rewritten Instruction#\nName a long river.",
    "#Final Rewritten Instruction#: Name a long river.",
    "# rewritten prompt #: Name a long river.",
    "#Rewritten_Prompt#: Name a long river.",
    "Name a long river. #Input#: Europe",
    "#Conversation#:\nuser: hello\n\nName a long river.",
    "#Methods List#: longer. Name a long river.",
    "#PLAN#\nName a long river.",
    "#Given Prompt#: Name a long river.",
]
EVOLVED = [
    ("Name a river.", "Name a long river."),
    ("Name a river.", "Name 2 rivers."),
    ("Write it in C.", "Write it in C11."),
    ("Write it in C.", "Write it in C++."),
    ("Is x < y?", "Is x > y?"),
    ("写一首诗。", "写一首长诗。"),
    ("Why does #Input# stand here?", "Why does #input# stand here, and where else?"),
    ("Name a river.", "Post about a #plan for a river trip with #instruction and #input."),
    ("Name a river.", "Make a plan: name an instruction, an input and a rewritten prompt."),
]


def reason(parent, evolved, **rules):
    failure = elimination.find_evolution_failure(parent, evolved, RULES.model_copy(update=rules))
    return failure and failure.reason


@pytest.mark.parametrize(("parent", "child"), UNCHANGED)
def test_a_child_that_differs_by_case_space_or_punctuation_is_unchanged(row, parent, child):
    assert reason(row(parent), child) == "unchanged"


@pytest.mark.parametrize(
    ("rule", "reason", "child"),
    [
        ("unchanged", "unchanged", "name a RIVER"),
        ("markers", "markers copied", "#Plan#: name a long river."),
        ("answered", "answered", "The answer is: the Nile."),
    ],
)
def test_each_rule_can_be_switched_off(row, rule, reason, child):
    parent = row("Name a river.")
    on = elimination.find_evolution_failure(parent, child, RULES)
    assert on and on.reason == reason
    assert elimination.find_evolution_failure(parent, child, RULES.model_copy(update={rule: False})) is None


def test_a_child_that_only_takes_in_its_input_is_unchanged(row):
    assert reason(row("Sort it.", input="3, 1, 2"), "Sort it: 3 1 2") == "unchanged"


@pytest.mark.parametrize("child", COPIED)
def test_a_child_with_a_marker_of_the_prompt_has_copied_it(row, child):
    assert reason(row("Name a river."), child) == "markers copied"


def test_a_marker_that_the_parent_lacks_is_copied_though_the_parent_has_another(row):
    parent = row("Why does #Input# stand here?")
    assert reason(parent, "#Plan#: why does #Input# stand here?") == "markers copied"


@pytest.mark.parametrize("child", ["", "  ", "\n\t"])
def test_an_empty_child_is_empty(row, child):
    assert reason(row("Name a river."), child) == "empty"


@pytest.mark.parametrize(("parent", "child"), EVOLVED)
def test_a_child_that_says_more_is_an_evolution(row, parent, child):
    assert reason(row(parent), child) is None


OUTPUT = "Paris is the capital of France and lies on the Seine, in the north of the country."


@pytest.mark.parametrize(
    "child",
    [
        OUTPUT,
        OUTPUT.upper(),
        f"{OUTPUT} It has two million inhabitants.",
        f"The task: {OUTPUT}",
        OUTPUT[:-20],
        OUTPUT[10:],
    ],
)
def test_the_parents_output_in_its_place_is_an_answer(row, child):
    assert reason(row("Which is France's capital?", output=OUTPUT), child) == "answered"


@pytest.mark.parametrize(
    ("fields", "child"),
    [
        ({"output": "Paris."}, "Paris. Which country's capital is it?"),
        ({"output": OUTPUT, "input": OUTPUT}, f"Translate this into Latin: {OUTPUT}"),
        ({"output": OUTPUT}, f"Which is France's capital? Continue after: {OUTPUT}"),
    ],
    ids=["short", "the input", "the parent kept"],
)
def test_an_output_that_is_short_or_is_spoken_of_is_none(row, fields, child):
    assert reason(row("Which is France's capital?", **fields), child) is None


def test_a_parent_that_speaks_like_an_assistant_may_go_on_to(row):
    parent = row("As an AI, I cannot see. Explain this sentence.")
    assert reason(parent, "As an AI, I cannot see. Why would a model say so?") is None


def test_code_alone_is_an_evolution_of_code_alone(row):
    code = "def f(x):\n    return x"
    assert reason(row(code), "def f(x, y):\n    return x + y") is None
    assert reason(row("Write a function."), code) == "answered"


def test_growth_is_bounded_by_words_or_not_at_all(row):
    longer = "Name a river. " + "Why so? " * 20
    assert reason(row("Name a river."), longer, max_growth=40) is None
    assert reason(row("Name a river."), longer, max_growth=39) == "grew too long"
    assert reason(row("Name a river."), longer * 90, max_growth=None) is None


def test_an_input_that_is_taken_in_is_no_growth(row):
    text = "It rained all day. " * 20
    assert reason(row("Sum it up.", input=text), f"Sum this up in one line: {text.strip()}") is None


def test_the_language_may_change_if_that_is_no_failure(row):
    child = "Escribe un poema sobre el mar en invierno."
    assert reason(row("Write a poem about the sea."), child) == "language changed"
    assert reason(row("Write a poem about the sea."), child, language=False) is None


TABLE = "| Name | Age |\n|---|---|\n| Ann | 30 |\n| Bob | 41 |"


@pytest.mark.parametrize(
    ("instruction", "given", "evolved", "kept", "lost"),
    [
        ("Add 12.", "", "Add 12 and more.", "", []),
        ("Add 12.", "", "Add a dozen.", "", ["number 12"]),
        ("Sum up.", TABLE, "Sum up the ages.", TABLE, []),
        ("Sum up.", TABLE, f"Sum up:\n\n{TABLE}", "", []),
        ("Sum up.", TABLE, "Sum up the ages.", "", ["table of 3 lines: | Name | Age |"]),
        ("Pay 5 of 9.", "Due: 7", "Pay 5 of 8.", "", ["number 9", "number 7"]),
    ],
)
def test_what_of_a_parent_is_in_neither_the_child_nor_its_input_is_lost(
    row, instruction, given, evolved, kept, lost
):
    assert elimination.find_lost_content(row(instruction, input=given), evolved, kept) == lost
