"""Tokenized pairs: which tokens are the question's and which the answer's, by template."""

from __future__ import annotations

from copy import deepcopy
from types import SimpleNamespace

import pytest
import tiny

from evobuild.core.conversation import prompt_ids
from evobuild.core.errors import UserError
from evobuild.core.tables import Reject
from evobuild.weights import checkpoints, tokenized_pairs
from evobuild.weights.losses import Pair


def made(template: str, max_length: int = 100, tokenizer=None, **fields) -> Pair | Reject:
    (found,) = tokenized_pairs.tokenize_pairs(
        tokenizer or tiny.tokenizer(), template, [tiny.row(**fields)], max_length
    )  # type: ignore[arg-type]
    return found


def ids(text: str) -> list[int]:
    return tiny.tokenizer()(text, add_special_tokens=False)["input_ids"]


class Letters:
    """A tokenizer of one token a letter, but newline and A, which are one; with or without a start."""

    def __init__(self, start: bool) -> None:
        self.start = [1] if start else []

    def __call__(self, text: str, **_) -> dict[str, list[int]]:
        merged = text.replace("\nA", "\1")
        return {"input_ids": [*self.start, *(999 if letter == "\1" else ord(letter) for letter in merged)]}

    def encode(self, text: str, truncation: bool, max_length: int) -> list[int]:
        return self(text)["input_ids"][:max_length]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"instruction": "Sum up."}, "Sum up.\n"),
        ({"instruction": "Sum up.", "input": "A tale."}, "Sum up.\nA tale.\n"),
        (
            {"instruction": "Go on.", "history": (("user", "Hello."), ("assistant", "Hi."))},
            "Hello.\nHi.\nGo on.\n",
        ),
    ],
)
def test_the_question_is_history_instruction_and_input(fields: dict, text: str) -> None:
    assert tokenized_pairs.question_text(tiny.row(**fields)) == text


def test_plain_concatenates_ids_and_scores_the_same_answer_tokens_twice() -> None:
    found = made("plain", instruction="Two an", output="d five")
    assert isinstance(found, Pair)
    start, asked, answer = tiny.tokenizer().bos_token_id, ids("Two an\n"), ids("d five")
    assert found.both == [start, *asked, *answer]
    assert found.both[found.answer_start :] == answer and found.alone == [start, *answer]
    assert not found.truncated


def test_chat_puts_the_answer_after_the_models_own_template() -> None:
    found = made("chat", instruction="Name a fish.", output="Cod.")
    assert isinstance(found, Pair)
    prompt = prompt_ids(tiny.tokenizer(), tiny.row(instruction="Name a fish."))
    assert found.both == prompt + ids("Cod.") and found.answer_start == len(prompt)
    assert found.alone == [prompt[0], *ids("Cod.")]


def test_a_scorer_without_a_chat_template_is_refused() -> None:
    without = deepcopy(tiny.tokenizer())
    without.chat_template = None
    with pytest.raises(UserError, match=r"score\.template to plain"):
        made("chat", tokenizer=without)


@pytest.mark.parametrize("start", [True, False])
def test_authors_count_the_questions_tokens_apart_and_score_what_follows_them(start: bool) -> None:
    found = made("authors", instruction="Q?", output="An", tokenizer=Letters(start))
    first = [1] if start else []
    # As one text "\nA" is one token: of the question's two letters none, of the answer's two one and a half.
    assert found == Pair(
        tiny.row(instruction="Q?").id,
        [*first, ord("Q"), ord("?"), 999, ord("n")],
        2 + start,
        [*first, ord("A"), ord("n")],
        False,
    )


@pytest.mark.parametrize("start", [True, False])
def test_superfiltering_counts_the_newline_to_the_question(start: bool) -> None:
    found = made("superfiltering", instruction="Q?", input="so", output="yes", tokenizer=Letters(start))
    first = [1] if start else []
    assert isinstance(found, Pair)
    assert found.both == [*first, *map(ord, "Q?\nso\nyes")]
    assert found.answer_start == 6 + start and found.alone == [*first, *map(ord, "yes")]


def test_superfiltering_cuts_the_answer_alone_by_what_the_question_takes() -> None:
    found = made("superfiltering", 6, instruction="Q", output="abcdefgh", tokenizer=Letters(True))
    assert isinstance(found, Pair)
    # 6 in all: start, Q, newline, three of the answer; alone 6 - 3 + 1 = 4: start, three of the answer.
    assert found.both == [1, ord("Q"), ord("\n"), *map(ord, "abc")]
    assert found.alone == [1, *map(ord, "abc")] and found.truncated


@pytest.mark.parametrize(
    ("room", "kept", "truncated"), [(100, 5, False), (5, 5, False), (4, 4, True), (1, 1, True)]
)
def test_a_longer_answer_is_cut_at_its_end_and_marked(room: int, kept: int, truncated: bool) -> None:
    question = [0, *ids("x\n")]
    found = made("plain", len(question) + room, instruction="x", output="%%%%%")
    assert isinstance(found, Pair)
    assert (len(found.both) - found.answer_start, len(found.alone) - 1, found.truncated) == (
        kept,
        kept,
        truncated,
    )


@pytest.mark.parametrize("template", ["plain", "chat", "authors", "superfiltering"])
@pytest.mark.parametrize(
    ("output", "max_length", "why"), [("", 90, "empty answer"), ("xyz", 3, "no room for the answer")]
)
def test_what_has_no_answer_tokens_is_a_reject(template: str, output: str, max_length: int, why: str) -> None:
    found = made(template, max_length, instruction="Name a long river.", output=output)
    assert isinstance(found, Reject)
    assert (found.reason, found.reply) == (why, output)


def test_an_answer_of_one_token_that_nothing_stands_before_cannot_be_scored_alone() -> None:
    found = made("authors", instruction="Q", output="x", tokenizer=Letters(False))
    assert isinstance(found, Reject) and found.reason == "no answer token is scored"


def test_no_rows_give_no_pairs() -> None:
    assert list(tokenized_pairs.tokenize_pairs(tiny.tokenizer(), "plain", [], 9)) == []


@pytest.mark.parametrize(
    ("bos", "eos", "pad", "start"), [(1, 2, 3, 1), (0, 2, 3, 0), (None, 2, 3, 2), (None, None, 3, 3)]
)
def test_the_start_token_is_the_first_there_is(bos, eos, pad, start) -> None:
    assert (
        tokenized_pairs.start_token(SimpleNamespace(bos_token_id=bos, eos_token_id=eos, pad_token_id=pad))
        == start
    )  # type: ignore[arg-type]


def test_a_tokenizer_without_special_tokens_is_refused() -> None:
    with pytest.raises(UserError, match="no bos, eos or pad token"):
        tokenized_pairs.start_token(SimpleNamespace(bos_token_id=None, eos_token_id=None, pad_token_id=None))  # type: ignore[arg-type]


def test_the_toy_model_has_a_chat_template_to_score_with() -> None:
    assert tiny.tokenizer().chat_template == checkpoints.CHAT_TEMPLATE
