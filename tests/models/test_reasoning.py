"""Thoughts told apart from answers, whatever wrote them and however they are marked."""

from __future__ import annotations

import re

import pytest
from fakes import reply

from evobuild.core.chat import Choice, Message, Reply, Request, Sampling
from evobuild.core.uri import ChatModel
from evobuild.models import placement, registry
from evobuild.models.client import Model
from evobuild.models.markers import MARKERS, may_have_markers, opening_at_end
from evobuild.models.reasoning import (
    MOST_BLOCKS,
    server_options,
    split_reasoning,
    template_options,
)
from evobuild.models.reply_cache import ReplyCache

NAME = ChatModel("simulated", "fake")
HARMONY = "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>Hi"


@pytest.mark.parametrize(
    ("text", "thought", "answer"),
    [
        ("<think>\nabc\n</think>\n\nHi", "abc", "Hi"),
        (" \n\t<think>abc</think>Hi", "abc", "Hi"),
        ("<think>\n\n</think>\n\nHi", "", "Hi"),
        ("<think></think>Hi", "", "Hi"),
        ("<THINK>abc</Think>\nHi", "abc", "Hi"),
        ("<think>\r\nabc\r\n</think>\r\n\r\nHi", "abc", "Hi"),
        ("<think>abc</think>", "abc", ""),
        ("<think>abc</think>\n\n", "abc", ""),
        ("<think>a</think>\n<think>b</think>\nHi", "a\n\nb", "Hi"),
        ("<think>a <think>b</think> c</think>Hi", "a <think>b\n\nc", "Hi"),
        ("<think>\na\n<think>\nb\n</think>\nc\n</think>\n\nHi", "a\n<think>\nb\n\nc", "Hi"),
        ("<think>What does `</think>` do?\n</think>\nHi", "What does `</think>` do?", "Hi"),
        ("<think>\n```\n</think>\n```\nab\n</think>\nHi", "```\n</think>\n```\nab", "Hi"),
        ("<think>\n```python\nleft open\n</think>\n\nHi", "```python\nleft open", "Hi"),
        ('<think>He says "</think>".\n</think>\nHi', 'He says "</think>".', "Hi"),
        ("<think>abc</think>Hi <think>x</think>", "abc", "Hi <think>x</think>"),
        ("<think>abc</think>Hi\n\n<think>\nx\n</think>\nyou", "abc", "Hi\n\n<think>\nx\n</think>\nyou"),
        ("<think>abc</think>```\n</think>\n```", "abc", "```\n</think>\n```"),
        ("<thinking>abc</thinking>Hi", "abc", "Hi"),
        ("<thought>\nabc\n</thought>\nHi", "abc", "Hi"),
        ("<think>abc</thinking></think>Hi", "abc</thinking>", "Hi"),
        ("[THINK]abc[/THINK]Hi", "abc", "Hi"),
        ("<seed:think>abc</seed:think>Hi", "abc", "Hi"),
        ("<think>The answer is `4.</think>\n4 `", "The answer is `4.", "4 `"),
        ("<think>The answer is `4.</think> 4 `", "The answer is `4.", "4 `"),
        ("<think>don`t</think>\nAnswer", "don`t", "Answer"),
        ("<think>**Done**</think>**Answer**", "**Done**", "**Answer**"),
        ('<think>"Hello"</think>"Hello"', '"Hello"', '"Hello"'),
        ("<think>return `x`</think>`y`", "return `x`", "`y`"),
        ("<think>say 'a'</think>'a'", "say 'a'", "'a'"),
        ("<think>\n```python\nx\n </think>\n\nA", "```python\nx", "A"),
        ("<think>\n```\nx\n </think>\n\nA:\n```\ny\n```", "```\nx", "A:\n```\ny\n```"),
        ('<think>He said "</think>\nHi', 'He said "', "Hi"),
        ("<think>abc</think>\n\n    code\n    more", "abc", "    code\n    more"),
        ("<think>abc</think>  Hi", "abc", "Hi"),
        ("\ufeff<think>abc</think>Hi", "abc", "Hi"),
        ("\u200b\n<think>abc</think>Hi", "abc", "Hi"),
        (HARMONY, "a", "Hi"),
        ("<|channel|>final<|message|>Hi", "", "Hi"),
    ],
)
def test_a_thought_stands_before_the_answer(text, thought, answer):
    assert split_reasoning(text) == (thought, answer, True)


@pytest.mark.parametrize(
    ("text", "thought", "answer"),
    [
        ("abc\n</think>\n\nHi", "abc", "Hi"),
        ("\nabc\n</think>Hi", "abc", "Hi"),
        ("abc.</think>Hi", "abc.", "Hi"),
        ("abc.</think> Hi", "abc.", "Hi"),
        ("abc </think>\nHi", "abc", "Hi"),
        ("</think>\n\nHi", "", "Hi"),
        ("abc\n</think>", "abc", ""),
        ("They ask what `<think>` is.\n</think>\n\nHi", "They ask what `<think>` is.", "Hi"),
        ('They ask what "<think>" is.\n</think>\n\nHi', 'They ask what "<think>" is.', "Hi"),
        ("They ask what `</think>` is.\n</think>\n\nHi", "They ask what `</think>` is.", "Hi"),
        ("abc[/THINK]Hi", "abc", "Hi"),
        ("I see… </think>\n\nanswer", "I see…", "answer"),
        ("I see </think>\n\nanswer", "I see", "answer"),
        ("I see.</think>answer", "I see.", "answer"),
        ("First I will check. </think> 42", "First I will check.", "42"),
        ("It is 4.\n</think> the answer is 4", "It is 4.", "the answer is 4"),
        ("I could use <think> here.\n</think>\nHi", "I could use <think> here.", "Hi"),
        ("It is `4.\n</think>\n4", "It is `4.", "4"),
        ("See ```python\nx\n``` so\n</think>\nHi", "See ```python\nx\n``` so", "Hi"),
        ('"Hello"</think>"Hello"', '"Hello"', '"Hello"'),
        ("好的。</think>回答", "好的。", "回答"),
    ],
)
def test_a_closing_marker_alone_ends_a_thought_that_the_prompt_opened(text, thought, answer):
    assert split_reasoning(text) == (thought, answer, True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Hi",
        "  Hi\n",
        "Use the <think> tag: <think>x</think>",
        "Use the <think> tag:\n<think>\nx\n</think>\nlike so",
        "The tag </think> ends a thought.",
        "Explain what this tag means: </think>",
        "Explain what `</think>` does.",
        "`<think>` opens and\n`</think>` closes.",
        'A thought ends with "</think>".\nThen comes the answer.',
        "A thought ends so (</think>)\nand so **</think>**.",
        "```xml\nabc\n</think>\n```\nHi",
        "~~~\n```\nabc\n</think>\n~~~\nHi",
        "<div><think>x</think></div>",
        "<reasoning>x</reasoning>Hi",
        "<thinker>x</thinker>Hi",
        "x < y, and [THINK] of a <b>number</b>",
        "I think> so",
        "[Think] Look.\n[Pair] Talk.",
        "[Think] Look. [/Think] Talk.",
        'text = text.split("</think>\\n")[-1]',
        'text = re.split(r"</think>", text)[-1]',
        "re.sub(r'<think>.*?</think>', '', text)",
        '"<think>a</think>Hi"',
        'stops = {"stop":"</think>"}',
        "Models end their thoughts with </think>\nand then answer.",
        "The closing tag:\n\n    </think>\n\nas shown.",
        "    </think>",
        "\t</think>\n",
        "* <think>: opens\n* </think>: closes",
        "The closing tag is </think>.\nIt ends a thought.",
        "</think> ends a thought.",
        "Write in <think> your thoughts. </think> Then answer.",
    ],
)
def test_text_that_talks_of_a_marker_stays_as_it_is(text):
    assert split_reasoning(text) == ("", text, True)


@pytest.mark.parametrize("text", ["<think> abc", "<think>\nabc\n`</think>`", "[THINK]abc", HARMONY[:40]])
def test_a_thought_without_an_end_leaves_no_answer(text):
    reasoning, answer, complete = split_reasoning(text)
    assert (answer, complete) == ("", False)
    assert reasoning


@pytest.mark.parametrize(
    ("text", "thought", "answer"),
    [
        ("<think>b</think>\n\nHi", "b", "Hi"),
        ("The tag </think>\nends", "", "The tag </think>\nends"),
        ("abc\n</think>\n\nHi", "", "abc\n</think>\n\nHi"),
        ("<think> is the tag", "", "<think> is the tag"),
    ],
)
def test_of_what_a_server_has_split_only_a_whole_thought_is_taken(text, thought, answer):
    assert split_reasoning(text, is_split=True) == (thought, answer, True)


def test_thoughts_end_somewhere():
    text = "<think>a</think>" * (MOST_BLOCKS + 1)
    assert split_reasoning(text).answer == "<think>a</think>"


@pytest.mark.parametrize("pattern", [each for pair in MARKERS for each in pair])
def test_the_quick_search_misses_no_marker(pattern):
    longest = re.sub(r"\(\?(?:-i)?:(.*?)\)\??", r"\1", pattern).replace("\\", "")
    assert may_have_markers(longest)


@pytest.mark.parametrize(
    ("prompt", "opening"),
    [
        ("<|user|>Hi<|assistant|><think>\n", "<think>"),
        ("<|user|>Hi<|assistant|>", ""),
        ("<|user|>Use <think> here<|assistant|>", ""),
        ("<|assistant|><think>\n\n</think>\n\n", ""),
    ],
)
def test_a_prompt_may_open_the_thought(prompt, opening):
    assert opening_at_end(prompt) == opening


@pytest.mark.parametrize(
    ("reasoning", "template", "server", "openai"),
    [
        ("", {}, {}, {}),
        (
            "off",
            {"enable_thinking": False, "thinking": False},
            {"chat_template_kwargs": {"enable_thinking": False, "thinking": False}},
            {"reasoning_effort": "none"},
        ),
        (
            "on",
            {"enable_thinking": True, "thinking": True},
            {"chat_template_kwargs": {"enable_thinking": True, "thinking": True}},
            {"reasoning_effort": "medium"},
        ),
        (
            "low",
            {"enable_thinking": True, "thinking": True, "reasoning_effort": "low"},
            {
                "chat_template_kwargs": {
                    "enable_thinking": True,
                    "thinking": True,
                    "reasoning_effort": "low",
                },
                "reasoning_effort": "low",
            },
            {"reasoning_effort": "low"},
        ),
    ],
)
def test_each_engine_is_told_in_its_own_words(reasoning, template, server, openai):
    assert template_options(reasoning) == template
    assert server_options(reasoning, at_openai=False) == server
    assert server_options(reasoning, at_openai=True) == openai


def ask(model=NAME, **sampling):
    with Model(model) as opened:
        asked = Request("k", "respond", (Message("user", "q"),), Sampling(**sampling))
        (found,) = opened.generate([asked])
    return found


def test_every_choice_is_an_answer_with_its_thoughts_beside_it_also_when_it_was_stored(engine):
    choices = (
        Choice("<think>a</think>\nHi", "stop", 9, ((-0.1,),)),
        Choice("<think>b", "stop", 4),
        Choice("<think>c", "content_filter", 4),
        Choice("\n\nHi", "stop", 5, None, "of the server"),
        Choice("<think>d</think>Hi", "stop", 5, None, "of the server"),
        Choice(" Hi", "length", 1),
        Choice("\n\n    code", "stop", 5, None, "of the server"),
        Choice("<think> is the tag", "stop", 5, None, "of the server"),
    )
    fake = engine(lambda asked: Reply(asked.key, choices, 7))
    wanted = (
        Choice("Hi", "stop", 9, ((-0.1,),), "a"),
        Choice("", "length", 4, None, "b"),
        Choice("", "content_filter", 4, None, "c"),
        Choice("Hi", "stop", 5, None, "of the server"),
        Choice("Hi", "stop", 5, None, "of the server\n\nd"),
        Choice(" Hi", "length", 1),
        Choice("    code", "stop", 5, None, "of the server"),
        Choice("<think> is the tag", "stop", 5, None, "of the server"),
    )
    assert [ask().choices, ask().choices] == [wanted, wanted]
    assert len(fake.asked) == 1


def test_a_reply_stored_before_thoughts_were_known_is_split_as_well(store, engine):
    engine(lambda asked: pytest.fail("asked"))
    with ReplyCache(store, str(NAME)) as cache:
        key = cache.key(Request("k", "respond", (Message("user", "q"),), Sampling()))
        cache.put(key, b'[7,[["<think>a</think>Hi","stop",9,null]]]')
    found = ask()
    assert (found.text, found.reasoning, found.finish, found.cached) == ("Hi", "a", "stop", True)


def test_a_prompt_that_has_markers_is_asked_as_it_is(engine):
    fake = engine(lambda asked: "fine")
    with Model(NAME) as model:
        asked = Request("k", "respond", (Message("user", "<think>x</think>y"),), Sampling())
        list(model.generate([asked]))
    assert fake.asked[0].messages == asked.messages


def test_how_much_a_role_is_to_think_goes_with_its_requests_and_not_with_what_is_loaded(store, monkeypatch):
    loaded, asked = [], []

    class Engine:
        capacity = 8

        def __init__(self, model):
            loaded.append(model)

        def submit(self, request):
            asked.append(request)

        def collect(self):
            return [reply(asked[-1].key, "Hi")]

        def close(self):
            pass

    monkeypatch.setattr(placement, "start_engine", Engine)
    monkeypatch.setattr(registry, "engine_identity", str)
    for reasoning in ("", "off", "low"):
        ask(ChatModel("vllm", "m", reasoning=reasoning))
    assert [each.reasoning for each in asked] == ["", "off", "low"]
    assert set(loaded) == {ChatModel("vllm", "m")}


def test_what_is_kept_of_a_cut_reply_is_the_thought():
    assert Reply("k", (Choice("", "length", 4, None, "abc"),), 7).kept == "abc"
    assert Reply("k", (Choice("Hi", "length", 4, None, "abc"),), 7).kept == "Hi"
    assert Reply("k", (), 7, "error").kept == ""


def test_halves_of_characters_never_leave_the_client(engine):
    engine(lambda asked: reply(asked.key, "<think>a\udc00</think>Hi \ud83d\ude00 \ud800!"))
    with Model(NAME) as model:
        (found,) = model.generate([Request("k", "respond", (Message("user", "Hello"),), Sampling())])
    assert (found.reasoning, found.text) == ("a�", "Hi 😀 �!")
