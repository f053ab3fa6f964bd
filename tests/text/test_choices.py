"""The letter that a reply chooses: what it states last, or begins with, never one that it only mentions."""

from __future__ import annotations

import pytest

from evobuild.text.choices import find_stated_choice


@pytest.mark.parametrize(
    ("reply", "letter"),
    [
        ("B", "B"),
        (" b", None),
        ("B.", "B"),
        ("(C)", "C"),
        ("**D**", "D"),
        ("B. Mercury is nearest to the Sun.", "B"),
        ("B\n\nMercury is nearest.", "B"),
        ("B because it is the nearest", "B"),
        ("A", "A"),
        ("A. A planet", "A"),
        ("A lesion of the nerve leads to this.", None),
        ("A\nThat is so.", "A"),
        ("The answer is B.", "B"),
        ("The answer is (B) Mercury, not A.", "B"),
        ("The answer is: **C**", "C"),
        ("Answer: D", "D"),
        ("The correct answer would be A.", "A"),
        ("The correct option is C: gravity.", "C"),
        ("At first the answer is A. But on reflection the answer is D.", "D"),
        ("B is wrong, and so the answer is C.", "C"),
        ("Thus, \\boxed{B}.", "B"),
        ("the answer is $\\boxed{\\text{C}}$", "C"),
        ("I think that is all.\nC", "C"),
        ("Option A is wrong. Option B is wrong too.", None),
        ("The answer is a planet.", None),
        ("Answers differ: Bob says so.", None),
        ("The answer is Earth.", None),
        ("F", None),
        ("", None),
        ("I do not know.", None),
        ("答案是B。", "B"),
        ("答案：C", "C"),
        ("答案： D", "D"),
        ("选A", "A"),
        ("B项正确，因为地球自西向东转。", "B"),
        ("A是错误的，因此答案为D", "D"),
        ("因此选C。", "C"),
        ("正确答案应该是选项B", "B"),
        ("本题考查地理。\n所以答案是A。", "A"),
        ("地球自西向东转。", None),
    ],
)
def test_a_reply_chooses_the_letter_that_it_states_last(reply: str, letter: str | None) -> None:
    assert find_stated_choice(reply, "ABCD") == letter


def test_only_letters_of_the_question_are_chosen() -> None:
    assert find_stated_choice("The answer is E.", "ABCD") is None
    assert find_stated_choice("The answer is E.", "ABCDE") == "E"
    assert find_stated_choice("The answer is B. Or is the answer E?", "ABCD") == "B"
