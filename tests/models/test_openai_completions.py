"""Raw prompts and scored texts by a server: what it is sent, and what is made of what it says."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import yaml
from faults import KEY, Answer, FaultServer, failing, good

from evobuild.core.chat import Message, Request, Sampling
from evobuild.core.uri import ChatModel
from evobuild.models import rate_limit
from evobuild.models.client import Model

PROMPT = "Which planet?\nAnswer:"


def scored(continuation=" Mars", prompt=PROMPT, role="text", key="k"):
    return Request(
        key, "evaluate", (Message(role, prompt),), Sampling(max_tokens=9), continuation=continuation
    )


def choice(body, tokens, **fields):
    """A completion that echoes its prompt as these tokens, and writes one more."""
    logprobs = [None, *(-0.5 - place / 10 for place in range(len(tokens)))][: len(tokens) + 1]
    tops = [None, *({"x": -0.25} for _ in tokens)]
    told = {"tokens": [*tokens, "!"], "token_logprobs": logprobs, "top_logprobs": tops}
    return {"index": 0, "text": body["prompt"] + "!", "finish_reason": "length", "logprobs": told} | fields


def answered(body, choices, tokens=None, **fields):
    usage = {"prompt_tokens": tokens, "completion_tokens": 1} if tokens else None
    given = {"model": body["model"], "choices": choices, "usage": usage} | fields
    return Answer(json.dumps(given).encode(), good=True)


def echoing(*tokens, told=True, **fields):
    """A server that echoes a raw prompt as these tokens."""

    def plan(body, attempt):
        return answered(body, [choice(body, tokens, **fields)], len(tokens) if told else None)

    return plan


@pytest.fixture
def ask(store, tmp_path, monkeypatch):
    """Ask a server with a plan: the replies in order of the requests, and what it was sent."""
    monkeypatch.setattr(rate_limit, "FIRST_WAIT", 0.01)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    def asked(plan, *requests):
        with FaultServer(plan) as server:
            openai = {"base_url": server.url, "timeout": 5.0, "unanswered": "reject", "concurrency": 1}
            (tmp_path / "machine.yaml").write_text(yaml.safe_dump({"openai": openai}))
            with Model(ChatModel("openai", "tiny")) as model:
                found = {reply.key: reply for reply in model.generate(requests)}
            return [found[request.key] for request in requests], server.bodies

    return asked


@pytest.mark.parametrize("told", [True, False])
def test_the_last_tokens_of_an_echo_are_the_text_s(ask, told):
    tokens = ("Which", " planet", "?", "\n", "Answer", ":", " Ma", "rs")
    (reply,), (body,) = ask(echoing(*tokens, told=told), scored())
    assert (body["prompt"], body["echo"], body["logprobs"]) == (f"{PROMPT} Mars", True, 1)
    assert "messages" not in body
    assert reply.choices[0].logprobs == ((-1.0, -0.25), (-1.1, -0.25))
    assert (reply.text, reply.choices[0].tokens) == (" Mars", 0)
    # As many by four bytes each.
    assert reply.prompt_tokens == 8


@pytest.mark.parametrize(
    ("tokens", "prompt", "scored_tokens"),
    [
        (("<s>", "Which", "planet", "?", "\n", "Answer", ":", "Mars"), PROMPT, 1),
        (("Which?", " ", "Mars"), "Which?", 2),
        (("Which?", " ", "Mars"), "Which? ", 2),
        (("Which?", "\n", " ", "Mars"), "Which?\n", 3),
    ],
)
def test_blanks_do_not_decide_where_the_text_begins(ask, tokens, prompt, scored_tokens):
    continuation = "Mars" if prompt.endswith(" ") else " Mars"
    (reply,), _ = ask(echoing(*tokens), scored(continuation, prompt))
    assert len(reply.choices[0].logprobs) == scored_tokens


@pytest.mark.parametrize(
    "tokens",
    [("Which planet?\n", "Answer", ": Mars"), ("Which planet?\n", "Answer", ": ", "Mars"), (" Mars",)],
)
def test_a_token_of_both_is_no_place_to_begin_at(ask, tokens):
    (reply,), _ = ask(echoing(*tokens), scored())
    assert reply.error == "no likelihoods: the server's tokens do not end where the text begins"


@pytest.mark.parametrize(
    "plan",
    [
        lambda body, attempt: failing(404, "no such path"),
        lambda body, attempt: failing(501, "not here"),
        lambda body, attempt: answered(body, [{"index": 0, "text": "Mars", "finish_reason": "stop"}]),
        lambda body, attempt: answered(body, [choice(body, ["a"], logprobs=None)]),
        lambda body, attempt: answered(body, [choice(body, ["a"], text="!")]),
    ],
)
def test_a_server_that_scores_nothing_is_asked_no_further(ask, plan):
    requests = [scored(f" {number}", key=str(number)) for number in range(30)]
    replies, bodies = ask(plan, *requests)
    assert {reply.error[:15] for reply in replies} == {"no likelihoods:"}
    assert len(bodies) < 10


def test_what_takes_token_ids_is_sent_to_no_server(ask):
    requests = [
        replace(scored(prompt="", key="whole"), scored_as="windows"),
        replace(scored(role="user", key="chat"), scored_as="text"),
    ]
    replies, bodies = ask(echoing("Which", " Mars"), *requests)
    assert bodies == []
    assert {reply.error for reply in replies} == {
        "no likelihoods: this needs the model's own tokens; evaluate by transformers: or vllm:"
    }


def test_a_server_that_only_chats_answers_chats_all_the_same(ask):
    def plan(body, attempt):
        return failing(404, "Not Found") if "prompt" in body else good(body)

    chat = Request("chat", "respond", (Message("user", "Hi"),), Sampling(max_tokens=9))
    raw = Request("raw", "evaluate", (Message("text", "Hi"),), Sampling(max_tokens=9))
    text, answer, written, none = ask(plan, scored(), scored(role="user", key="a"), chat, raw)[0]
    assert text.error == "no likelihoods: the server answered 404"
    assert answer.error == "no likelihoods: the server does not tell those of a given answer"
    assert written.error is None
    assert none.error == "no raw prompts: /completions of the server answered 404"


def test_vllm_scores_an_answer_to_a_chat(ask):
    def token(text, *logprobs):
        return {str(place): {"logprob": each, "decoded_token": text} for place, each in enumerate(logprobs)}

    def plan(body, attempt):
        told = [None, token("user", -9.0), token(":", -8.0), token(" Ma", -2.0, -1.0), token("rs", -0.5)]
        given = [{"index": 0, "message": {"content": "!"}, "finish_reason": "length"}]
        return answered(body, given, 5, prompt_logprobs=told)

    (reply,), (body,) = ask(plan, scored(role="user"))
    assert body["messages"][-1] == {"role": "assistant", "content": " Mars"}
    assert (body["add_generation_prompt"], body["continue_final_message"]) == (False, True)
    assert reply.choices[0].logprobs == ((-2.0, -1.0), (-0.5, -0.5))
    assert reply.prompt_tokens == 5


def test_a_text_that_is_too_long_is_told_as_such_and_others_are_scored(ask):
    def plan(body, attempt):
        if "long" in body["prompt"]:
            return failing(400, "maximum context length is 2048 tokens")
        return echoing("Which planet?\n", "Answer:", " Mars")(body, attempt)

    long, short = ask(plan, scored(prompt="long", key="long"), scored())[0]
    assert long.error.startswith("prompt too long")
    assert short.error is None


@pytest.mark.parametrize(
    "told",
    [
        {"tokens": ["a"], "token_logprobs": []},
        {"tokens": ["a", "b"], "token_logprobs": [None, "no"]},
        {"tokens": ["a", "b"], "token_logprobs": [None, 5.0]},
        {"tokens": ["a", "b"], "token_logprobs": [None, -1.0], "top_logprobs": [None, {"x": "no"}]},
    ],
)
def test_a_malformed_answer_is_asked_for_again_and_then_an_error(ask, told):
    (reply,), bodies = ask(
        lambda body, attempt: answered(body, [choice(body, ["a"], logprobs=told)]), scored()
    )
    assert reply.error.startswith("malformed reply")
    assert len(bodies) > 1


def test_a_raw_prompt_goes_as_it_is(ask):
    def plan(body, attempt):
        logprobs = {"tokens": ["4"], "token_logprobs": [-0.5], "top_logprobs": [{"4": -0.5, "5": -1.5}]}
        given = [{"index": 0, "text": " 4", "finish_reason": "stop", "logprobs": logprobs}]
        return answered(body, given, 6)

    sampling = Sampling(max_tokens=9, stop=("\n",), logprobs=2)
    (reply,), (body,) = ask(plan, Request("k", "evaluate", (Message("text", "2 + 2 ="),), sampling))
    assert (body["prompt"], body["max_tokens"], body["stop"]) == ("2 + 2 =", 9, ["\n"])
    assert not {"messages", "top_logprobs", "echo"} & body.keys()
    assert (reply.text, reply.prompt_tokens) == (" 4", 6)
    assert reply.choices[0].logprobs == ((-0.5, -0.5, -1.5),)
