"""Chat templates of reasoning models: their options, thoughts that they open, tokens that mark thoughts."""

from __future__ import annotations

import copy
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import tiny

from evobuild.core.chat import Choice, Message, Request, Sampling
from evobuild.core.errors import UserError
from evobuild.core.uri import ChatModel
from evobuild.models import transformers_engine
from evobuild.models.chat_template import ChatTemplate, RefusedPrompt
from evobuild.models.reasoning import split_reasoning
from evobuild.models.stopping import StopConditions
from evobuild.models.transformers_engine import TransformersEngine
from evobuild.models.vllm_engine import VllmEngine

QWEN_3 = (
    "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}assistant: "
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}"
)
"""Closes an empty thought in the prompt, as Qwen3's does, where none is wanted."""
R1 = "{% for message in messages %}{{ message.content }}\n{% endfor %}{{ reasoning_effort }}<think>\n"
"""Opens the thought in the prompt, as DeepSeek-R1's does."""
PLAIN = "{{ messages[0].content }}"
MODEL = ChatModel("transformers", str(tiny.folder()))


def tokenizer(template: str, *special: str) -> Any:
    """The tiny tokenizer with a template, and with special tokens of its own."""
    made = copy.deepcopy(tiny.tokenizer())
    made.chat_template = template
    made.add_special_tokens({"additional_special_tokens": list(special)})
    return made


def request(text: str = "Hi", reasoning: str = "") -> Request:
    return Request(text, "respond", (Message("user", text),), Sampling(max_tokens=9), reasoning)


def prompt(template: str, asked: Request) -> str:
    made = tokenizer(template)
    text: str = made.decode(ChatTemplate(made, MODEL).prompt(asked))
    return text


@pytest.mark.parametrize(
    ("reasoning", "end"),
    [("", "assistant: "), ("on", "assistant: "), ("off", "assistant: <think>\n\n</think>\n\n")],
)
def test_a_template_is_told_whether_to_think(reasoning: str, end: str) -> None:
    assert prompt(QWEN_3, request(reasoning=reasoning)) == f"user: Hi\n{end}"


def test_a_template_is_told_how_much_to_think() -> None:
    assert prompt(R1, request(reasoning="low")) == "Hi\nlow<think>"


@pytest.mark.parametrize(
    ("template", "asked", "opening"),
    [
        (R1, request(), "<think>"),
        (R1, request(reasoning="low"), "<think>"),
        (QWEN_3, request(), ""),
        (QWEN_3, request(reasoning="off"), ""),
        (PLAIN, request("Begin with <think>"), ""),
        ("{{ raise_exception('no') }}", request(), ""),
        ("{{ messages[0].content + 1 }}", request(), ""),
    ],
)
def test_a_thought_may_be_open_where_the_reply_begins(template: str, asked: Request, opening: str) -> None:
    assert ChatTemplate(tokenizer(template), MODEL).opening(asked) == opening


def test_without_a_template_no_chat_is_taken_and_a_raw_prompt_is() -> None:
    template = ChatTemplate(tokenizer(""), MODEL)
    with pytest.raises(UserError, match="has no chat template; choose an instruction-tuned one"):
        template.prompt(request())
    with pytest.raises(RefusedPrompt, match="no chat template"):
        template.prompt(replace(request(), purpose="evaluate"))
    raw = replace(request(), messages=(Message("text", "Hi"),))
    assert template.prompt(raw) == tiny.tokenizer()("Hi")["input_ids"]


@pytest.mark.parametrize(
    ("special", "said"),
    [
        (("[THINK]", "[/THINK]", "<pad>"), "[THINK]a[/THINK]Hi<pad>"),
        (("<seed:think>", "</seed:think>", "<pad>"), "<seed:think>a</seed:think>Hi<pad>"),
        (("<think>", "</think>", "<pad>"), "<think>a</think>Hi<pad>"),
        (("</think>", "<pad>"), "a.</think>Hi<pad>"),
        (("<thinking>", "</thinking>", "<pad>"), "<thinking>a</thinking>Hi<pad>"),
        (("<thought>", "</thought>", "<|end|>"), "<thought>a</thought>Hi<|end|>"),
        (
            ("<|start|>", "<|channel|>", "<|message|>", "<|end|>", "<|return|>"),
            "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>Hi<|return|>",
        ),
    ],
)
def test_special_tokens_that_mark_thoughts_are_shown_and_no_others(
    special: tuple[str, ...], said: str
) -> None:
    made = tokenizer(PLAIN, *special)
    hidden = ChatTemplate(made, MODEL).hidden
    assert hidden is not None
    assert special[-1] in hidden
    ids = made(said, add_special_tokens=False)["input_ids"]
    conditions = StopConditions(made, frozenset(), frozenset(made.convert_tokens_to_ids(hidden)))
    choice = conditions.choice(ids, [], Sampling(), len(ids))
    assert choice is not None
    found = split_reasoning(choice.text)
    assert (found.reasoning.rstrip("."), found.answer, found.complete) == ("a", "Hi", True)


def test_other_tokenizers_leave_all_special_tokens_out() -> None:
    assert ChatTemplate(tokenizer(PLAIN, "<pad>"), MODEL).hidden is None


def test_a_reply_in_this_process_begins_where_its_thought_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transformers_engine.checkpoints, "load_tokenizer", lambda weights: tokenizer(R1))
    engine = TransformersEngine(MODEL)
    engine.submit(request())
    (found,) = engine.collect()
    assert found.text.startswith("<think>")
    assert isinstance(found.choices[0], Choice)


def test_reasoning_is_in_the_models_name_only_where_it_is_given() -> None:
    names = [TransformersEngine.identity(replace(MODEL, reasoning=each)) for each in ("", "off", "on")]
    assert len(set(names)) == 3
    assert "reasoning" not in names[0]
    assert str(replace(MODEL, reasoning="off")) == f"{MODEL}[reasoning=off]"


def test_vllms_reply_leaves_out_tokens_and_no_text_that_looks_like_them() -> None:
    made = tokenizer(PLAIN, "[THINK]", "[/THINK]", "<pad>")
    engine = object.__new__(VllmEngine)
    engine._template = ChatTemplate(made, MODEL)
    engine._conditions = StopConditions(made, frozenset(), engine._template.hidden_ids)
    typed = made("<", add_special_tokens=False)["input_ids"]
    typed += made("pad>!", add_special_tokens=False)["input_ids"]
    ids = made("[THINK]a[/THINK]", add_special_tokens=False)["input_ids"] + typed
    ids += made("<pad>", add_special_tokens=False)["input_ids"]
    output = SimpleNamespace(text="", token_ids=ids, finish_reason="stop", stop_reason=None)
    assert split_reasoning(engine._text(request(), output)) == ("a", "<pad>!", True)
    output.token_ids, output.stop_reason = ids[:-1], "!"
    stopped = replace(request(), sampling=Sampling(stop=("!",)))
    assert split_reasoning(engine._text(stopped, output)).answer == "<pad>"
