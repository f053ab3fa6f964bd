"""Near-duplicates: who shares a group, by hand."""

from __future__ import annotations

import random

import pytest

from evobuild.text import minhash


def grouped(texts: list[str], threshold: float, seed: int) -> list[int]:
    found: list[int] = minhash.group_near_duplicates(texts, threshold, seed).tolist()
    return found


SENTENCE = "one two three four five six seven eight nine ten eleven"


def test_case_and_punctuation_do_not_count() -> None:
    assert grouped(["a b c", "x y", "A b c!"], 0.7, 1) == [0, 1, 0]


# SENTENCE has 10 pairs of words; a twelfth word shares 10 of 11, another last word 9 of 11.
@pytest.mark.parametrize(
    ("other", "threshold", "together"),
    [
        (SENTENCE + " twelve", 0.90, True),
        (SENTENCE + " twelve", 0.92, False),
        (SENTENCE.replace("eleven", "twelve"), 0.80, True),
        (SENTENCE.replace("eleven", "twelve"), 0.85, False),
        (SENTENCE, 1.0, True),
        (SENTENCE + " twelve", 1.0, False),
        ("a text of its own", 0.1, False),
    ],
)
def test_the_threshold_is_the_jaccard_similarity_of_word_pairs(
    other: str, threshold: float, together: bool
) -> None:
    assert grouped([SENTENCE, other], threshold, 1) == ([0, 0] if together else [0, 1])


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("请写一首关于大海的诗歌，语言要简洁优美。", "请写一首关于大海的诗歌,语言要简洁优美", True),
        ("请写一首关于大海的诗歌，语言要简洁优美。", "请解释一下什么是光合作用，并举三个例子。", False),
    ],
)
def test_scripts_without_spaces_count_by_character(one: str, other: str, together: bool) -> None:
    assert grouped([one, other], 0.7, 1) == ([0, 0] if together else [0, 1])


@pytest.mark.parametrize(
    ("texts", "numbers"),
    [
        ([], []),
        (["word"], [0]),
        (["word", "Word!", "other"], [0, 0, 2]),
        (["?!", "?!", "+"], [0, 0, 2]),
        (["", ""], [0, 0]),
    ],
)
def test_the_shortest_texts_have_groups_too(texts: list[str], numbers: list[int]) -> None:
    assert grouped(texts, 0.7, 1) == numbers


def test_many_copies_are_one_group() -> None:
    assert grouped([f"{SENTENCE}{'!' * copy}" for copy in range(500)] + ["x y z"], 0.7, 1) == [0] * 500 + [
        500
    ]


def test_a_chain_of_near_duplicates_is_one_group() -> None:
    words = [f"w{number}" for number in range(40)]
    chain = [" ".join(words[start : start + 30]) for start in (0, 1, 2, 3, 4, 5, 6, 7, 8)]
    assert grouped(chain, 0.9, 1) == [0] * 9


@pytest.mark.parametrize("seed", range(3))
def test_the_partition_does_not_depend_on_order_or_seed(seed: int) -> None:
    texts = [
        f"{' '.join(f'{word}{topic}' for word in SENTENCE.split())}{end}"
        for topic in range(30)
        for end in ("", "!", " so")
    ]
    order = list(range(len(texts)))
    random.Random(seed).shuffle(order)
    numbers = grouped([texts[place] for place in order], 0.8, seed)
    by_topic = {(order[at] // 3, number) for at, number in enumerate(numbers)}
    assert len(by_topic) == 30


def test_a_text_more_parts_no_group_wherever_it_stands() -> None:
    draw = random.Random(3)
    words = [f"w{number}" for number in range(40)]
    base = draw.choices(words, k=12)

    def varied() -> str:
        text = list(base)
        for _ in range(draw.randint(0, 8)):
            text[draw.randrange(12)] = draw.choice(words)
        return " ".join(text)

    texts = list(dict.fromkeys(varied() for _ in range(40)))

    def together(given: list[str]) -> set[tuple[str, str]]:
        groups = dict(zip(given, grouped(given, 0.45, 1), strict=True))
        return {(one, other) for one in texts for other in texts if groups[one] == groups[other]}

    before = together(texts)
    assert len(before) > len(texts)
    for _ in range(40):
        place = draw.randrange(len(texts) + 1)
        assert before <= together([*texts[:place], varied(), *texts[place:]])
