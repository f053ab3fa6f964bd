"""F(r), and what makes a reply or an evolution none at all."""

from __future__ import annotations

import pytest
from conftest import reply

from evobuild import failures

STAGNANT = [
    "Understood. Which topic?",
    "understood, shall I go on?",
    "Thank you! What is next?",
    "THANK YOU. Anything else?",
    "What would you like me to write about?",
    "What?",
    "That is correct, is there more?",
    "Great! Which language do you want?",
    "Great,\nI can do this.\n\nWhich one shall it be?",
    "  Great! Ready to start?  \n",
    "Great! Shall we?\t",
    '"Great! Shall we begin?"',
    "**Great!** Shall we begin?",
    "**Great! Shall we begin?**",
    "Great！要从哪里开始？",
    "What is 2+2? It is 4, or did you mean 2*2?",
]
SURE = [
    "Sure, which file do you mean?",
    "sure! Could you tell me more?",
    "Sure?",
    "Sure.\n\nWhat should the story be about?\n",
    "“Sure, which one?”",
    "Sure, 哪一个？",
]
LOST = [
    "Please provide the text.",
    "I can summarise it, but please provide the article first.",
    "There is no table here.\nPLEASE PROVIDE one.",
    "No code is given; please\nprovide it.",
    "Understood. Please provide the list.",
    "¡Claro! Please provide el texto.",
]
NONE = [
    "Can you make sure it works?",
    "What a day.",
    "Whatever you like?",
    "Whatsoever it be, is it true?",
    "Greater than which?",
    "Greatly so?",
    "Surely not?",
    "Understood.",
    "Thank you.",
    "Thank yourself?",
    "Great rivers: the Nile, the Amazon.",
    "Sure, here it is: 42.",
    "Sure? Yes, I am sure.",
    "That is correct.",
    "That is incorrect, is it not?",
    "The answer is: what?",
    "He asked: great, is it not?",
    "Is that all?",
    "Please, provide for your family.",
    "Was ist das?",
    "当然，哪一个？",
    "請提供資料。",
    "",
    "?",
]


@pytest.mark.parametrize("text", STAGNANT)
def test_a_response_that_begins_by_agreeing_and_ends_by_asking_is_stagnant(text):
    assert failures.of_response(text) == "stagnant complexity"


@pytest.mark.parametrize("text", SURE)
def test_a_response_that_begins_with_sure_and_ends_by_asking_is_unqualified(text):
    assert failures.of_response(text) == "insufficient qualification"


@pytest.mark.parametrize("text", LOST)
def test_a_response_that_asks_to_provide_something_has_lost_information(text):
    assert failures.of_response(text) == "loss of key information"


@pytest.mark.parametrize("text", NONE)
def test_any_other_response_is_no_failure(text):
    assert failures.of_response(text) is None


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (reply("k", "fine"), None),
        (reply("k", " \n"), "empty"),
        (reply("k", "cut", finish="length"), "truncated"),
        (reply("k", "", finish="length"), "truncated"),
        (reply("k", "no", finish="content_filter"), "content filter"),
        (reply("k", "", error="prompt too long"), "model error"),
    ],
)
def test_a_reply_is_unusable_by_its_error_its_finish_or_its_emptiness(given, reason):
    assert failures.of_reply(given) == reason


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
    ("写一首诗。", "写一首长诗。"),
    ("Why does #Input# stand here?", "Why does #input# stand here, and where else?"),
    ("Name a river.", "Post about a #plan for a river trip with #instruction and #input."),
    ("Name a river.", "Make a plan: name an instruction, an input and a rewritten prompt."),
]


@pytest.mark.parametrize(("parent", "child"), UNCHANGED)
def test_a_child_that_differs_by_case_space_or_punctuation_is_unchanged(parent, child):
    assert failures.of_evolution(parent, child) == "unchanged"


@pytest.mark.parametrize("child", COPIED)
def test_a_child_with_a_marker_of_the_prompt_has_copied_it(child):
    assert failures.of_evolution("Name a river.", child) == "markers copied"


def test_a_marker_that_the_parent_lacks_is_copied_though_the_parent_has_another():
    parent = "Why does #Input# stand here?"
    assert failures.of_evolution(parent, "#Plan#: why does #Input# stand here?") == "markers copied"


@pytest.mark.parametrize("child", ["", "  ", "\n\t"])
def test_an_empty_child_is_empty(child):
    assert failures.of_evolution("Name a river.", child) == "empty"


@pytest.mark.parametrize(("parent", "child"), EVOLVED)
def test_a_child_that_says_more_is_an_evolution(parent, child):
    assert failures.of_evolution(parent, child) is None
