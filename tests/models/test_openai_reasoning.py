"""Reasoning models behind a server: the fields sent for a role's `reasoning`, and how replies are parsed."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace

import pytest
import yaml
from asker import NAME
from faults import Answer, FaultServer, content, failing, good

from evobuild.core.chat import Message, Request, Sampling
from evobuild.core.errors import UserError
from evobuild.models import openai_server
from evobuild.models.client import Model
from evobuild.models.openai_call import Call
from evobuild.models.openai_watch import Watch


@pytest.fixture
def serve(store, tmp_path, monkeypatch):
    """Begin a server that machine.yaml names."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))

    @contextmanager
    def begin(plan=good):
        with FaultServer(plan) as server:
            (tmp_path / "machine.yaml").write_text(
                yaml.safe_dump({"openai": {"base_url": server.url, "retries": 0}})
            )
            yield server

    return begin


def ask(model=NAME, **sampling):
    with Model(model) as opened:
        asked = Request("k", "respond", (Message("user", "hello"),), Sampling(**sampling))
        (found,) = opened.generate([asked])
    return found


PARTS = [
    {"type": "thinking", "thinking": [{"type": "text", "text": "a"}]},
    {"type": "text", "text": "Hi "},
    {"type": "text", "text": "you"},
]
"""A message's content as Mistral's API gives it."""


def answering(finish, **message):
    """A plan whose replies hold this message."""

    def plan(body, attempt):
        whole = content(body)
        whole["choices"][0] |= {"message": message, "finish_reason": finish, "logprobs": None}
        return Answer(json.dumps(whole).encode())

    return plan


@pytest.mark.parametrize(
    ("finish", "message", "wanted"),
    [
        ("stop", {"content": "\n\nHi", "reasoning_content": "a\n"}, ("Hi", "a", "stop")),
        ("stop", {"content": "Hi", "reasoning": "a"}, ("Hi", "a", "stop")),
        ("stop", {"content": "Hi", "reasoning": "a", "reasoning_content": "a"}, ("Hi", "a", "stop")),
        ("stop", {"content": "Hi", "reasoning": "a", "reasoning_content": None}, ("Hi", "a", "stop")),
        ("stop", {"content": "Hi", "reasoning": {"effort": "low"}}, ("Hi", "", "stop")),
        ("stop", {"content": "<think>b</think>Hi", "reasoning_content": "a"}, ("Hi", "a\n\nb", "stop")),
        ("stop", {"content": "<think>b</think>Hi"}, ("Hi", "b", "stop")),
        ("stop", {"content": "<think>b"}, ("", "b", "length")),
        ("stop", {"content": None, "reasoning_content": "a"}, ("", "a", "stop")),
        ("length", {"content": None, "reasoning_content": "a"}, ("", "a", "length")),
        ("length", {"content": None}, ("", "", "length")),
        ("length", {}, ("", "", "length")),
        ("stop", {"content": None, "thinking": "a"}, ("", "a", "stop")),
        (
            "stop",
            {"content": None, "reasoning_details": [{"text": "a"}, {"summary": "b"}]},
            ("", "ab", "stop"),
        ),
        ("stop", {"content": PARTS}, ("Hi you", "a", "stop")),
        ("stop", {"content": PARTS[:1]}, ("", "a", "stop")),
    ],
)
def test_thoughts_stand_beside_the_answer_and_are_stored_with_it(serve, finish, message, wanted):
    with serve(answering(finish, **message)) as server:
        first, second = ask(), ask()
    assert server.asked.total() == 1
    for found in (first, second):
        assert (found.text, found.reasoning, found.finish, found.error) == (*wanted, None)
    assert first.choices == second.choices


def test_a_reply_that_was_cut_off_within_a_thought_may_lack_logprobs(serve):
    with serve(answering("length", content=None, reasoning="a")):
        found = ask(logprobs=1)
    assert (found.error, found.finish, found.choices[0].logprobs) == (None, "length", None)


@pytest.mark.parametrize(
    ("reasoning", "fields"),
    [
        ("", {}),
        ("off", {"chat_template_kwargs": {"enable_thinking": False, "thinking": False}}),
        (
            "high",
            {
                "chat_template_kwargs": {
                    "enable_thinking": True,
                    "thinking": True,
                    "reasoning_effort": "high",
                },
                "reasoning_effort": "high",
            },
        ),
    ],
)
def test_a_server_is_told_how_much_to_think(serve, reasoning, fields):
    with serve() as server:
        ask(replace(NAME, reasoning=reasoning))
    sent = server.bodies[0]
    given = {name: sent[name] for name in ("chat_template_kwargs", "reasoning_effort") if name in sent}
    assert given == fields


def test_openais_own_server_is_told_in_its_words():
    asked = Request("k", "respond", (Message("user", "hello"),), Sampling(), "off")
    sent = json.loads(Call("o9", asked, 1, 0, at_openai=True).body())
    assert (sent["reasoning_effort"], "chat_template_kwargs" in sent) == ("none", False)


@pytest.mark.parametrize(
    ("url", "official"),
    [("https://api.openai.com/v1", True), ("https://api.openai.com.example/v1", False)],
)
def test_openais_own_server_is_known_by_its_name(monkeypatch, tmp_path, url, official):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    options = openai_server.OpenAI()
    watch = Watch("", options.timeout, 1)
    assert openai_server.Server(NAME, options, url, watch)._at_openai is official


def test_another_reasoning_is_another_reply(serve):
    with serve() as server:
        for reasoning in ("", "off", "off", "on"):
            ask(replace(NAME, reasoning=reasoning))
    assert server.asked.total() == 3


def test_a_server_that_cannot_be_told_stops_the_run(serve):
    refused = failing(400, "property 'chat_template_kwargs' is unsupported")
    with (
        serve(lambda body, attempt: refused),
        pytest.raises(UserError, match="it does not take reasoning: off of this model, give the role"),
    ):
        ask(replace(NAME, reasoning="off"))
