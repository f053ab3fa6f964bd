"""Turns cut in proportion, with lengths worked out by LLaMA-Factory's rule by hand."""

from __future__ import annotations

import pytest

from evobuild.training.examples.truncation import Turn, cut_in_proportion, proportional_lengths


@pytest.mark.parametrize(
    ("prompt", "answer", "room", "expected"),
    [
        (10, 10, 40, (10, 10)),  # all fits
        (20, 20, 40, (20, 20)),  # just fits
        (30, 10, 24, (14, 10)),  # a short answer is whole
        (10, 30, 24, (10, 14)),  # a short prompt is whole
        (30, 30, 40, (20, 20)),  # both are long
        (90, 30, 40, (30, 10)),
        (30, 90, 40, (10, 30)),
        (100, 50, 64, (43, 21)),  # 64 · 50 / 150 = 21.3
        (1000, 5, 10, (10, 0)),  # nothing is left of the answer
        (5, 5, 0, (0, 0)),
    ],
)
def test_a_prompt_and_its_answer_are_cut_in_proportion(prompt, answer, room, expected) -> None:
    assert proportional_lengths(prompt, answer, room) == expected


def turn(prompt: int, answer: int, opening: int = 0) -> Turn:
    """Prompt tokens count up from 100, answer tokens from 500."""
    return Turn(list(range(100, 100 + prompt)), list(range(500, 500 + answer)), opening)


def lengths(turns: list[Turn]) -> list[tuple[int, int]]:
    return [(len(each.prompt), len(each.answer)) for each in turns]


@pytest.mark.parametrize(
    ("room", "expected"),
    [
        (99, [(10, 10), (30, 30)]),
        (60, [(10, 10), (20, 20)]),
        (30, [(10, 10), (5, 5)]),
        (20, [(10, 10)]),
        (21, [(10, 10), (1, 0)]),  # int(1 · 0.5)
        (12, [(6, 6)]),
    ],
)
def test_turns_are_cut_one_after_the_other(room: int, expected: list[tuple[int, int]]) -> None:
    assert lengths(cut_in_proportion([turn(10, 10), turn(30, 30)], room)) == expected


def test_what_opens_an_answer_stays() -> None:
    (found,) = cut_in_proportion([turn(30, 30, opening=3)], 20)
    assert found.prompt == [*range(100, 107), 127, 128, 129]
    assert found.answer == list(range(500, 510))


def test_an_opening_takes_its_room_from_the_answer() -> None:
    # By the rule alone the prompt would have 2 tokens of 12.
    assert proportional_lengths(10, 100, 12) == (2, 10)
    (found,) = cut_in_proportion([turn(10, 100, opening=5)], 12)
    assert found.prompt == list(range(105, 110)) and len(found.answer) == 7
    (found,) = cut_in_proportion([turn(10, 100, opening=5)], 4)
    assert len(found.prompt) == 4 and not found.answer
