"""Two texts compared word by word, whatever they are."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from evobuild.text import word_differences

SIDES = (("equal", "delete"), ("equal", "insert"))


def joined(parts, kinds):
    return "".join(text for kind, text in parts if kind in kinds)


@pytest.mark.parametrize("words", ["ha ", "河", "a b ", "a b c d e f g h i j "])
def test_texts_that_repeat_themselves_are_compared_up_to_a_bound(words):
    text = words * (16_000 // len(words))
    for before, after in ((text, f"x {text}"), (f"{text}{text[:900]}", text), (text, text[::-1])):
        parts = word_differences.compare_words(before, after)
        assert ["".join(joined(parts, kinds).split()) for kinds in SIDES] == [
            "".join(each.split()) for each in (before, after)
        ]
    assert word_differences.compare_words(text, f"{text}河") == [("equal", text), ("insert", "河")]


def test_parts_join_to_both_texts_and_no_two_of_a_kind_are_neighbours():
    draw = random.Random(0)
    for _ in range(300):
        before, after = ("".join(draw.choices("abc河 \n", k=draw.randrange(40))) for _ in range(2))
        parts = word_differences.compare_words(before, after)
        assert joined(parts, SIDES[1]) == after
        assert "".join(joined(parts, SIDES[0]).split()) == "".join(before.split())
        assert all(one[0] != other[0] for one, other in pairwise(parts))
