"""Layouts: the text before an answer by example, and which of it is the question."""

from __future__ import annotations

from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import made_tokenizers
import pytest
import tiny

from evobuild.core import prompts
from evobuild.weights import layouts
from evobuild.weights.layouts import Layout, RefusedRow
from evobuild.weights.literal_tokenizer import LiteralTokenizer

TALK = (("user", "Hello."), ("assistant", "Hi."))
TASK = "Below is an instruction that describes a task"
DO = "Write a response that appropriately completes the request.\n\n"


def laid_out(template: str, chat_template: str = "", **fields: Any) -> Layout:
    tokenizer = deepcopy(tiny.tokenizer())
    tokenizer.chat_template = chat_template or tokenizer.chat_template
    text_of = {
        "plain": layouts.question_text,
        "alpaca": layouts.alpaca_text,
        "chat": partial(layouts.chat_text, tokenizer),
    }[template]
    literal = LiteralTokenizer(tokenizer)
    found = layouts.lay_out(literal, text_of, tiny.row(**fields))
    # Stand-ins of the template's special tokens, as the model's.
    shown = [
        tokenizer.decode(tokens.ids) if "<" in text else text
        for text, tokens in zip(found.stretches, literal.encode(found.stretches), strict=True)
    ]
    return Layout(shown)


@pytest.mark.parametrize(
    ("fields", "stretches"),
    [
        ({"instruction": "Sum up."}, ["", "Sum up.", "\n"]),
        ({"instruction": "Sum up.", "input": "A tale."}, ["", "Sum up.\nA tale.", "\n"]),
        ({"instruction": "Go on.", "history": TALK}, ["Hello.\nHi.\n", "Go on.", "\n"]),
        ({"instruction": " Sum\n up. \n", "input": "\tA."}, [" ", "Sum\n up. \n\n\tA.", "\n"]),
    ],
)
def test_plain_is_turns_on_their_own_lines(fields: dict, stretches: list[str]) -> None:
    found = laid_out("plain", **fields)
    assert found.stretches == stretches
    assert found.prompt == layouts.question_text(tiny.row(**fields))


@pytest.mark.parametrize(
    ("fields", "stretches"),
    [
        ({}, [f"{TASK}. {DO}### Instruction:\n", "Sum up.", "\n\n### Response:"]),
        (
            {"input": "A tale."},
            [
                f"{TASK}, paired with an input that provides further context. {DO}### Instruction:\n",
                "Sum up.", "\n\n### Input:\n", "A tale.", "\n\n### Response:",
            ],
        ),
        (
            {"history": (("system", "Be kind."), *TALK)},
            [
                f"{TASK}. {DO}Be kind.\n\n### Instruction:\nHello.\n\n### Response:Hi.\n\n### Instruction:\n",
                "Sum up.", "\n\n### Response:",
            ],
        ),
    ],
)  # fmt: skip
def test_alpaca_is_the_published_form(fields: dict, stretches: list[str]) -> None:
    assert laid_out("alpaca", instruction="Sum up.", **fields).stretches == stretches


def test_chat_is_the_models_own_template() -> None:
    assert laid_out("chat", instruction="Sum up.", input="A tale.", history=TALK).stretches == [
        "<|begin|><|user|>\nHello.\n<|assistant|>\nHi.<|end|>\n<|user|>\n",
        "Sum up.\n\nA tale.",
        "\n<|assistant|>\n",
    ]


def test_a_system_prompt_is_no_question_and_blank_space_is_cut_as_the_template_cuts_it() -> None:
    chatml = made_tokenizers.CHATML.replace("im_", "")
    found = laid_out("chat", chatml, instruction="  Sum up. ")
    assert found.stretches == [
        "<|start|>system\nBe kind.<|end|>\n<|start|>user\n", "Sum up.", "<|end|>\n<|start|>assistant\n"
    ]  # fmt: skip


def test_words_of_an_edited_prompt_are_no_question(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "respond").mkdir()
    (tmp_path / "respond/answer.jinja").write_text("Task: {{ instruction }}\nWith: {{ input }}\nGo!")
    monkeypatch.setattr(prompts, "FOLDER", tmp_path)
    found = laid_out("chat", "{{ messages[0].content }}:", instruction="Sum up.", input="A tale.")
    assert found.stretches == ["Task: ", "Sum up.", "\nWith: ", "A tale.", "\nGo!:"]
    assert found.without_question == "Task: \nWith: \nGo!:"
    assert [found.prompt[first:end] for first, end in found.question] == ["Sum up.", "A tale."]


def test_any_character_may_stand_in_a_row() -> None:
    words = "".join(map(chr, range(0xFDD0, 0xFDF0))) + "1\ufdd01\ufdd0"
    assert laid_out("plain", instruction=words).stretches == ["", words, "\n"]


def test_a_row_without_a_question_has_a_template() -> None:
    assert laid_out("plain", instruction=" ").stretches == [" \n"]
    assert laid_out("plain", instruction=" ").question == []


@pytest.mark.parametrize("chat_template", ["{{ bos_token }}Answer:", "{{ messages[0].content[:-1] }}"])
def test_a_template_without_the_question_is_refused(chat_template: str) -> None:
    with pytest.raises(RefusedRow, match="the template leaves its instruction out"):
        laid_out("chat", chat_template)


def test_a_conversation_that_the_template_refuses_is_named() -> None:
    with pytest.raises(RefusedRow, match="refuses it: no system turns"):
        laid_out("chat", "{{ raise_exception('no system turns') }}")
