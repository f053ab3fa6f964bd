"""The openai engine against a server with faults: every row answered or rejected, each once."""

from __future__ import annotations

import json
import os
import random
import re
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path

import asker
import patience
import pytest
import yaml
from asker import NAME, questions
from faults import KEY, Answer, FaultServer, content, failing, faults, good, seeded, text_for
from workspace import SHIPPED_PARAMS

from evobuild.cli.check.all_params import load_all_params
from evobuild.core.chat import Message, Request, Sampling
from evobuild.core.errors import BadParams, UserError
from evobuild.core.uri import ChatModel
from evobuild.models import openai_engine, openai_server, openai_watch, rate_limit, registry
from evobuild.models.client import Model
from evobuild.models.openai_engine import OpenAIEngine
from evobuild.models.openai_protocol import same_model
from evobuild.models.sampling import noise_seed

ASKER = Path(asker.__file__)
ROWS = 5000
KILLS = 5
KILLED_AFTER = (20, 100)
"""Replies since the start."""

KINDS = sorted(faults({"model": "tiny", "messages": [{"content": ""}]}, 0, 0))
KILLED_ROWS = 700
LONG = "prompt too long: 400"


@pytest.fixture
def serve(store, tmp_path, monkeypatch):
    """Begin a server that machine.yaml names, with these options of the engine."""
    monkeypatch.setattr(rate_limit, "FIRST_WAIT", 0.01)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with ExitStack() as stack:

        def begin(plan=good, latency=0.0, models=200, **options):
            # On a busy machine an answer takes longer; what is late is later yet.
            pace = patience.crowd()
            server = stack.enter_context(FaultServer(plan, latency, models, pace))
            given = {"base_url": server.url, "timeout": 5.0, "unanswered": "reject"} | options
            given["timeout"] *= pace
            machine = {"openai": {name: value for name, value in given.items() if value is not None}}
            (tmp_path / "machine.yaml").write_text(yaml.safe_dump(machine))
            return server

        yield begin


def request(text="hello", key=None, **sampling):
    return Request(key or text, "respond", (Message("user", text),), Sampling(**sampling))


def ask(requests, name=NAME):
    with Model(name) as model:
        return {each.key: each for each in model.generate(requests)}


def one(**sampling):
    return ask([request(**sampling)])["hello"]


def stored(path):
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT key FROM replies").fetchall()
    connection.close()
    return len(rows), len(set(rows))


def changed(**fields):
    """A plan whose replies differ from a good one in these fields of their first choice, or at the top."""

    def plan(body, attempt):
        whole = content(body)
        whole["choices"][0] |= {name: value for name, value in fields.items() if name in whole["choices"][0]}
        return Answer(json.dumps(whole | {k: v for k, v in fields.items() if k in whole}).encode())

    return plan


def at_first(answer, times=1):
    """A plan that gives this answer to the first calls and good ones after."""
    return lambda body, attempt: answer if attempt < times else good(body)


def test_a_good_reply_comes_back_whole(serve):
    server = serve()
    reply = one(temperature=0.5, seed=3, max_tokens=9, top_p=0.9, stop=("x", "y"))
    sent = server.bodies[0]
    assert sent == {
        "model": "tiny",
        "messages": [{"role": "user", "content": "hello"}],
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 9,
        "seed": noise_seed(request(seed=3)),
        "stop": ["x", "y"],
    }
    assert (reply.text, reply.finish, reply.prompt_tokens) == (text_for(sent, 0), "stop", 7)
    assert (reply.choices[0].tokens, reply.choices[0].logprobs) == (4, None)


def test_rows_of_one_seed_draw_from_streams_of_their_own(serve):
    server = serve()
    ask([request("a", temperature=1.0, seed=3), request("b", temperature=1.0, seed=3)])
    assert len({body["seed"] for body in server.bodies}) == 2


def test_a_greedy_request_sends_no_seed(serve):
    server = serve()
    one(seed=3)
    assert "seed" not in server.bodies[0]


@pytest.mark.parametrize("kind", KINDS)
def test_each_fault_is_got_past(serve, kind):
    server = serve(
        lambda body, attempt: good(body) if attempt else faults(body, tail=0.7, wait=0.05)[kind], timeout=0.3
    )
    assert one().error is None
    assert server.asked.total() == 2


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("429", "429 too many requests"),
        ("503", "503 overloaded"),
        ("reset", "connection lost"),
        ("half", "connection lost"),
        ("half JSON", "malformed reply"),
        ("content type", "content type text/html"),
        ("no choices", "empty choices"),
        ("wrong model", "reply of another model: 'another'"),
    ],
)
def test_a_lasting_fault_is_a_reject_with_its_reason_after_bounded_tries(serve, store, kind, reason):
    server = serve(lambda body, attempt: faults(body, 0, 0.01)[kind], timeout=0.2, retries=2)
    reply = one()
    assert reply.error.startswith(reason)
    assert reply.error.endswith("(given up after 3 tries)")
    assert reply.choices == ()
    assert server.asked.total() == 3
    assert stored(store) == (0, 0)


def test_what_hangs_is_given_up_after_one_and_a_half_timeouts(serve, store):
    server = serve(lambda body, attempt: replace(good(body), hang=True, good=False), timeout=0.4)
    replies = ask(questions(20))
    assert len(replies) == 20
    for reply in replies.values():
        assert re.fullmatch(
            r"no reply (yet|within \S+ s) \(given up: nothing was answered for \d\.\d s\)", reply.error
        )
    assert server.asked.total() <= 8
    assert stored(store) == (0, 0)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"message": None}, "malformed reply: choices.0.message"),
        ({"finish_reason": "weary"}, "unknown finish reason: 'weary'"),
        ({"finish_reason": None}, "unknown finish reason: None"),
        ({"choices": "many"}, "malformed reply: choices"),
        ({"model": "tiny-instruct"}, "reply of another model"),
    ],
)
def test_what_is_no_whole_reply_is_never_data(serve, fields, reason):
    serve(changed(**fields), retries=1)
    assert one().error.startswith(reason)


@pytest.mark.parametrize("finish", ["stop", "length", "content_filter"])
def test_finish_reasons(serve, finish):
    serve(changed(finish_reason=finish))
    assert one().finish == finish


def test_filtered_content_may_be_null(serve):
    serve(changed(finish_reason="content_filter", message={"content": None}))
    assert (one().text, one().finish, one().error) == ("", "content_filter", None)


@pytest.mark.parametrize(
    ("asked", "answered", "same"),
    [
        ("gpt-4o", "gpt-4o-2024-08-06", True),
        ("gpt-4", "gpt-4-0613", True),
        ("llama3", "llama3:latest", True),
        ("models/Tiny.gguf", "/srv/models/tiny.gguf", True),
        ("gpt-4o", "gpt-4o-mini", False),
        ("gpt-4o", "gpt-4", False),
        ("Qwen/Qwen2.5-7B", "Qwen/Qwen2.5-7B-Instruct", False),
    ],
)
def test_a_date_or_folder_makes_no_other_model(asked, answered, same):
    assert same_model(asked, answered) is same


@pytest.mark.parametrize("header", ["0.4", "date"])
def test_retry_after_is_waited_for(serve, header):
    def plan(body, attempt):
        value = formatdate(time.time() + 2, usegmt=True) if header == "date" else header
        return good(body) if attempt else failing(429, Retry_After=value)

    serve(plan)
    began = time.monotonic()
    assert one().error is None
    assert time.monotonic() - began >= 0.4


def test_a_wait_longer_than_the_timeout_is_not_waited_for(serve):
    serve(lambda body, attempt: failing(429, "slow down", Retry_After="3600"))
    assert one().error == "429 slow down; it asks to wait 1 h 00 min (given up after 1 try)"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            failing(400, "maximum context length is 8 tokens", "context_length_exceeded"),
            LONG,
        ),
        (failing(400, "This model's maximum context length is 8 tokens"), LONG),
        (failing(400, "The decoder prompt (length 9) is longer than the maximum model length of 8"), LONG),
        (failing(400, "the request exceeds the available context size"), LONG),
        (failing(413, "big"), "prompt too long: 413"),
        (failing(400, "max_tokens is too large, use max_completion_tokens"), "bad request: 400"),
        (failing(400, "flagged", "content_filter"), "content policy: flagged"),
        (failing(422, "temperature is odd"), "bad request: 422 temperature is odd"),
    ],
)
def test_a_prompt_that_the_server_refuses_is_a_reject_at_once_and_harms_no_other(serve, answer, reason):
    server = serve(lambda body, attempt: answer if body["messages"][0]["content"] == "bad" else good(body))
    replies = ask([request("fine"), request("bad"), request("well")])
    assert replies["bad"].error.startswith(reason)
    assert [replies[key].error for key in ("fine", "well")] == [None, None]
    assert server.asked.total() == 3


@pytest.mark.parametrize(
    ("answer", "fragment"),
    [
        (failing(401, f"Incorrect API key provided: {KEY}"), "$OPENAI_API_KEY"),
        (failing(403, f"not for {KEY[:12]}"), "$OPENAI_API_KEY"),
        (failing(404, f"The model `tiny` does not exist ({KEY})"), "The model `tiny` does not exist (***)"),
        (failing(402, "pay"), "no credit left"),
        (failing(429, "quota", "insufficient_quota"), "no credit left"),
        (failing(302, Location="http://127.0.0.1:9/"), "check the base URL"),
    ],
)
@pytest.mark.parametrize("after", [0, 300])
def test_what_no_request_gets_past_stops_the_run(serve, answer, fragment, after):
    server = serve(lambda body, attempt: good(body) if server.asked.total() <= after else answer)
    with pytest.raises(UserError) as caught:
        ask(questions(2000))
    message = str(caught.value)
    assert fragment in message
    assert message.startswith(f"openai:tiny: the server at {server.url}")
    assert ("none of the last 64 requests was answered" in message) is bool(after)
    assert message.count("\n") <= 1
    assert KEY[:12] not in message
    assert server.asked.total() < after + 400


def test_what_arrived_before_the_run_stopped_is_kept(serve, store):
    server = serve(lambda body, attempt: good(body) if server.asked.total() <= 300 else failing(401))
    with pytest.raises(UserError):
        ask(questions(2000))
    assert stored(store)[0] >= 300 - 128


def test_replies_that_arrived_with_a_failure_are_given_before_it(serve, monkeypatch):
    monkeypatch.setattr(openai_watch, "IN_A_ROW", 1)
    server = serve(
        lambda body, attempt: failing(401) if body["messages"][0]["content"] == "bad" else good(body),
        concurrency=1,
    )
    engine = openai_engine.OpenAIEngine(NAME)
    for text in ("a", "b"):
        engine.submit(request(text))
    while len(server.asked) < 2:
        time.sleep(0.001)
    engine.submit(request("bad"))
    while len(server.asked) < 3:
        time.sleep(0.001)
    time.sleep(0.2)
    assert sorted(each.key for each in engine.collect()) == ["a", "b"]
    for _ in range(2):
        with pytest.raises(UserError):
            engine.collect()
    engine.close()


def test_a_refused_key_is_told_before_anything_is_asked(serve):
    server = serve(models=401)
    with pytest.raises(UserError, match="answered 401"):
        one()
    assert server.asked.total() == 0


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_server_without_a_list_of_models_will_do(serve, status):
    serve(models=status)
    assert one().error is None


def test_a_server_whose_only_model_is_another_is_told_before_anything_is_asked(serve):
    server = serve()
    with pytest.raises(UserError, match=r"openai:other: the server at .* serves only 'tiny'; name that"):
        ask([request()], ChatModel("openai", "other"))
    assert server.asked.total() == 0


@pytest.mark.parametrize("listed", [[], [{"id": "a"}, {"id": "b"}], [{"id": "/srv/Tiny"}], [{}], "tiny"])
def test_a_list_that_settles_nothing_stops_nothing(serve, listed):
    serve().listed = listed
    assert one().error is None


def test_a_server_that_is_not_there_is_told_at_start(serve, tmp_path):
    serve()
    (tmp_path / "machine.yaml").write_text('openai: {base_url: "http://127.0.0.1:1/v1"}\n')
    with pytest.raises(
        UserError, match=r"openai:tiny: the server at http://127\.0\.0\.1:\d+/v1 does not answer"
    ):
        one()


def test_a_server_that_goes_away_stops_the_run(serve):
    server = serve(lambda body, attempt: replace(good(body), reset=server.asked.total() > 200), retries=1)
    with pytest.raises(UserError, match=r"none of the last 64 requests was answered .*: connection lost"):
        ask(questions(2000))


def test_one_prompt_that_breaks_the_server_does_not_stop_the_run(serve):
    serve(
        lambda body, attempt: failing(500) if body["messages"][0]["content"].endswith("7") else good(body),
        retries=1,
        concurrency=1,
    )
    replies = ask(questions(300))
    assert Counter(each.error for each in replies.values()) == {
        None: 270,
        "500 no (given up after 2 tries)": 30,
    }


def test_a_server_that_refuses_every_prompt_is_not_asked_for_every_row(serve):
    server = serve(lambda body, attempt: failing(400, "no such field"))
    with pytest.raises(
        UserError,
        match=r"openai:tiny: .* none of the last 64 requests was answered \(of purpose 'respond'\): "
        r"bad request: 400 no such field \(64\)",
    ):
        ask(questions(2000))
    assert server.asked.total() == 64


@pytest.mark.parametrize(
    ("text", "finish", "cause"),
    [("", "stop", "an empty reply"), ("And so", "length", "a reply cut off at 2,048 tokens")],
)
def test_replies_of_no_use_end_the_stage_and_are_not_kept(serve, store, text, finish, cause):
    bad = changed(message={"content": text}, finish_reason=finish)
    server = serve(bad)
    with pytest.raises(UserError, match=rf"none of the last 64 requests .*: {cause} \(64\)"):
        ask(questions(2000))
    assert (server.asked.total(), stored(store)) == (64, (0, 0))
    server.plan = lambda body, attempt: bad(body, 0) if server.asked.total() % 2 else good(body)
    assert len(ask(questions(100))) == 100
    assert stored(store) == (100, 100)


def test_a_mixture_is_judged_by_the_last_requests(serve):
    def mixed(body, attempt):
        number = server.asked.total()
        return good(body) if number % 20 == 0 else failing(400 if number % 2 else 413)

    server = serve(mixed, concurrency=4)
    with pytest.raises(UserError, match=r"18. of the last (18|19|20). requests failed .*: bad request"):
        ask(questions(2000))


@pytest.mark.parametrize("url", ["127.0.0.1:8000/v1", "ftp://host/v1", "http://", "http://h:99999/v1"])
def test_a_base_url_that_is_none(serve, monkeypatch, tmp_path, url):
    (tmp_path / "machine.yaml").write_text("{}")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    with pytest.raises(UserError, match=r"expected http\(s\)://"):
        openai_engine.OpenAIEngine(NAME)


@pytest.mark.parametrize("url", [f"http://me:{KEY}@host/v1", f"http://host/v1?key={KEY}", f"x://{KEY}@host"])
def test_a_key_in_the_base_url_is_refused_and_not_shown(monkeypatch, tmp_path, url):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    with pytest.raises(UserError) as caught:
        openai_engine.OpenAIEngine(NAME)
    assert KEY not in str(caught.value)


def test_the_base_url_comes_from_the_environment_where_machine_yaml_has_none(serve, monkeypatch, tmp_path):
    server = serve()
    monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/")
    (tmp_path / "machine.yaml").write_text("openai: {concurrency: 3}\n")
    assert one().error is None


def test_the_servers_address_is_no_part_of_the_identity_and_options_are():
    assert OpenAIEngine.identity(NAME) == registry.engine_identity(NAME) == "openai:tiny"
    assert OpenAIEngine.identity(replace(NAME, max_length=512)) == "openai:tiny[max_length=512]"


def test_a_server_of_another_context_length_is_told_at_start(serve):
    serve()
    with pytest.raises(UserError, match="context of 2048 tokens, the role's max_length is 512"):
        ask([request()], replace(NAME, max_length=512))
    assert ask([request()], replace(NAME, max_length=2048))["hello"].error is None


@pytest.mark.parametrize("given", [1, 2])
def test_n_by_repeats_where_the_server_ignores_it(serve, given):
    server = serve(
        lambda body, attempt: Answer(json.dumps(content(body, min(given, body.get("n", 1)))).encode())
    )
    engine = openai_engine.OpenAIEngine(NAME)
    engine.submit(request(n=4, temperature=1.0, seed=10))
    first = engine.collect()[0]
    engine.submit(request("next", n=4, temperature=1.0, seed=20))
    second = engine.collect()[0]
    engine.close()
    assert (
        len({choice.text for choice in first.choices}) == len({choice.text for choice in second.choices}) == 4
    )
    sent = [(body["messages"][0]["content"], body.get("n", 1), body["seed"]) for body in server.bodies]
    start, other = noise_seed(request(seed=10)), noise_seed(request("next", seed=20))
    assert sent[0] == ("hello", 4, start)
    assert [each[1:] for each in sent[1 : 5 - given]] == [(1, start + number) for number in range(given, 4)]
    # Remembered: the second request is asked one by one from the start.
    assert sent[5 - given :] == [("next", 1, other + number) for number in range(4)]
    assert second.prompt_tokens == 28


def test_n_by_repeats_where_the_server_refuses_it(serve):
    server = serve(lambda body, attempt: failing(400, "n is at most 1") if "n" in body else good(body))
    engine = openai_engine.OpenAIEngine(NAME)
    for text in ("hello", "next"):
        engine.submit(request(text, n=3, temperature=1.0))
        assert len({choice.text for choice in engine.collect()[0].choices}) == 3
    engine.close()
    assert ["n" in body for body in server.bodies] == [True] + 6 * [False]


def test_a_bad_request_of_several_choices_does_not_cost_the_others_theirs(serve):
    refusal = failing(400, "odd")
    server = serve(lambda body, attempt: refusal if body["messages"][0]["content"] == "bad" else good(body))
    engine = openai_engine.OpenAIEngine(NAME)
    for text, error in (("bad", "bad request: 400 odd"), ("fine", None)):
        engine.submit(request(text, n=2, temperature=1.0))
        assert engine.collect()[0].error == error
    engine.close()
    assert [body.get("n") for body in server.bodies] == [2, None, 2]


def test_n_in_one_call_where_the_server_knows_it(serve):
    server = serve()
    reply = one(n=3, temperature=1.0)
    assert len({choice.text for choice in reply.choices}) == 3
    assert sum(choice.tokens for choice in reply.choices) == 12
    assert server.asked.total() == 1


def test_logprobs_give_the_chosen_token_first(serve):
    server = serve()
    assert one(logprobs=2).choices[0].logprobs == ((-0.25, -0.5, -1.5),) * 4
    assert (server.bodies[0]["logprobs"], server.bodies[0]["top_logprobs"]) == (True, 3)


def test_tokens_have_texts_where_asked_for_the_chosen_one_first(serve):
    serve()
    assert one(logprobs=2).choices[0].token_texts is None
    assert one(logprobs=2, token_texts=True).choices[0].token_texts == (("b", "a", "a"),) * 4


def test_logprobs_that_a_server_does_not_give_are_a_reject(serve):
    serve(changed(logprobs=None))
    assert one(logprobs=2).error == "no logprobs in the reply; this server does not give them"


@pytest.mark.parametrize(
    "usage",
    [None, {}, 7, "7", [7], {"prompt_tokens": None, "completion_tokens": None}]
    + [
        {"prompt_tokens": count, "completion_tokens": count}
        for count in (0, -1, 10**30, 7.5, "7", True, [7], {"of": 7})
    ],
)
def test_token_counts_that_cannot_be_right_are_estimated_and_that_is_said_once(serve, capsys, usage):
    serve(changed(usage=usage))
    replies = ask(request(f"question {number}") for number in range(5))
    for each in replies.values():
        assert (each.prompt_tokens, each.choices[0].tokens) == (3, -(-len(each.text.encode()) // 4))
    assert capsys.readouterr().err.count("does not say how many tokens") == 1


def test_a_server_that_knows_only_max_completion_tokens_is_asked_so(serve):
    refusal = failing(400, "Unsupported parameter: use 'max_completion_tokens' instead")
    server = serve(lambda body, attempt: refusal if "max_tokens" in body else good(body))
    assert one(max_tokens=5).error is None
    assert server.bodies[-1]["max_completion_tokens"] == 5
    ask([request("next")])
    assert server.asked.total() == 4  # A new engine tries the common name first.


def test_unicode_and_long_prompts_arrive(serve):
    server = serve()
    text = "é\u2028\0\U0001f600 " + "x" * 100_000
    assert ask([request(text, "k")])["k"].error is None
    assert server.bodies[0]["messages"][0]["content"] == text


def test_calls_in_flight_grow_to_the_limit_and_no_further(serve):
    server = serve(latency=0.01, concurrency=40)
    ask(questions(1000))
    assert 30 <= server.most_in_flight <= 40


def test_calls_in_flight_fall_to_what_a_full_server_takes(serve):
    def plan(body, attempt):
        return good(body) if server.in_flight < 8 else failing(429)

    server = serve(plan, latency=0.005, concurrency=64, retries=20)
    replies = ask(questions(1500))
    assert {each.error for each in replies.values()} == {None}
    # Half of 64 in flight would be refused seven times out of eight.
    assert server.asked.total() < 1.5 * 1500


def test_a_window_halves_only_above_a_quarter_refused():
    limit = rate_limit.RateLimit(64)
    limit.note_answer()
    for number in range(16):
        limit.count(refused=number % 4 == 0)
    assert limit.limit == 32
    for number in range(32):
        limit.count(refused=number % 3 == 0)
    assert limit.limit == 16
    for _ in range(16):
        limit.count(refused=False)
    assert limit.limit == 20


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("3", 3), ("0.5", 0.5), ("-1", 0), ("soon", None), ("nan", None), ("inf", None), (None, None)],
)
def test_retry_after_in_seconds(header, seconds):
    assert rate_limit.retry_after(header) == seconds


def test_retry_after_as_a_date():
    assert rate_limit.retry_after(formatdate(time.time() + 100, usegmt=True)) == pytest.approx(100, abs=2)
    assert rate_limit.retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0


def test_a_date_is_counted_by_the_clock_of_the_server():
    """Whose clock is a day off does not wait for a day."""
    assert rate_limit.retry_after("Wed, 21 Oct 2015 07:28:09 GMT", "Wed, 21 Oct 2015 07:28:00 GMT") == 9
    assert rate_limit.retry_after("Wed, 21 Oct 2015 07:28:09 GMT", "noon") is None


def test_waits_double_vary_and_are_never_below_what_the_server_asks():
    for attempt in range(12):
        backoff = min(60, 2**attempt)
        waits = {rate_limit.retry_wait(attempt, None) for _ in range(50)}
        assert backoff / 2 <= min(waits) < max(waits) <= backoff
        assert all(20 <= rate_limit.retry_wait(attempt, 20) <= 26 for _ in range(50))


@pytest.mark.parametrize("when", ["idle", "in flight", "hanging"])
def test_closing_takes_no_time_and_leaves_no_thread(serve, when):
    server = serve(lambda body, attempt: replace(good(body), hang=when == "hanging"), latency=0.2)
    before = threading.active_count()
    engine = openai_engine.OpenAIEngine(NAME)
    if when != "idle":
        for each in questions(engine.capacity):
            engine.submit(each)
        while not server.asked:
            time.sleep(0.001)
    with patience.Patience(5).limit("closing"):
        engine.close()
        engine.close()
    assert threading.active_count() == before


def test_a_start_that_fails_leaves_no_thread(serve):
    serve(models=401)
    before = threading.active_count()
    with pytest.raises(UserError):
        openai_engine.OpenAIEngine(NAME)
    assert threading.active_count() == before


def test_the_key_is_sent_and_never_written_anywhere(serve, store, capfd, caplog):
    caplog.set_level("DEBUG")
    echo = failing(500, f"you sent {KEY}")
    server = serve(
        lambda body, attempt: echo if body["messages"][0]["content"] == "bad" else good(body), retries=1
    )
    replies = ask([request("fine"), request("bad")])
    assert server.keys == {f"Bearer {KEY}"}
    assert replies["bad"].error == "500 you sent *** (given up after 2 tries)"
    written = "".join(capfd.readouterr()) + caplog.text + repr(replies)
    for path in store.parent.iterdir():
        written += path.read_bytes().decode("latin-1")
    assert KEY not in written


def test_no_key_is_fine_for_a_server_that_wants_none(serve, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    server = serve()
    assert one().error is None
    assert server.keys == {""}


def test_a_key_that_no_header_can_hold(monkeypatch, serve):
    serve()
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1\nsk-2")
    with pytest.raises(UserError) as caught:
        one()
    assert "sk-" not in str(caught.value)


def test_a_fault_of_our_own_is_not_swallowed(serve, monkeypatch):
    serve()

    def broken(*arguments):
        raise ZeroDivisionError

    monkeypatch.setattr(openai_server, "read_answer", broken)
    with pytest.raises(ZeroDivisionError):
        one()


def test_five_thousand_requests_end_answered_or_rejected_each_once(serve, store):
    server = serve(seeded(1, 0.3, tail=0.6, wait=0.05), timeout=0.5, retries=3)
    with Model(NAME) as model:
        replies = list(model.generate(questions(ROWS)))
    assert sorted(each.key for each in replies) == [each.key for each in questions(ROWS)]
    reasons = Counter(each.error for each in replies)
    answered = reasons.pop(None)
    # A call is lost if four tries in a row are: about 0.3 ** 4 of them, 40 of 5,000.
    assert 5 <= sum(reasons.values()) <= 80
    assert all(reason.endswith("(given up after 4 tries)") for reason in reasons)
    assert stored(store) == (answered, answered)
    for each in replies:
        assert each.error or each.text.endswith(f"to Question {int(each.key[1:])}")
    assert max(server.asked.values()) <= 4
    again = ask(questions(ROWS))
    assert {key: each.text for key, each in again.items() if each.cached} == {
        each.key: each.text for each in replies if not each.error
    }


@pytest.mark.parametrize(
    ("options", "given"),
    [
        ("dtype: bfloat16", "dtype"),
        ("quantization: awq, adapter: models/lora", "quantization and no adapter"),
    ],
)
def test_an_option_that_only_the_server_can_heed_is_refused_in_params(tmp_path, options, given):
    text = SHIPPED_PARAMS.read_text(encoding="utf-8")
    path = tmp_path / "params.yaml"
    judge = '  judge: {uri: "openai:tiny", max_length: 2048%s}'
    path.write_text(text.replace("  judge: simulated:large", judge % ""), encoding="utf-8")
    assert load_all_params(path).models.judge == replace(NAME, max_length=2048)
    path.write_text(text.replace("  judge: simulated:large", judge % f", {options}"), encoding="utf-8")
    with pytest.raises(BadParams) as caught:
        load_all_params(path)
    assert str(caught.value).startswith(f"{path}: models.judge is ")
    assert f"expected no {given} beside openai:" in str(caught.value)
    assert "\n" not in str(caught.value)


def asker(rows, table, **environment):
    return subprocess.Popen(
        [sys.executable, ASKER, str(rows), table],
        env=os.environ | environment,
        stderr=subprocess.DEVNULL,
    )


def test_kills_at_any_moment_ask_little_more_than_what_was_in_flight_again(serve, store, tmp_path):
    latency, concurrency = 0.02, 8
    server = serve(
        seeded(2, 0.1, tail=0.1, wait=0.02), latency, timeout=1.0, retries=20, concurrency=concurrency
    )
    assert asker(KILLED_ROWS, tmp_path / "undisturbed", EVOBUILD_STORE=str(tmp_path / "own")).wait() == 0
    assert set(server.answered.values()) == {1}
    server.answered.clear()
    draw = random.Random(3)
    for _ in range(KILLS):
        before = server.answered.total()
        process = asker(KILLED_ROWS, tmp_path / "killed")
        # By replies and not by the clock: on a busy machine a second is worth little.
        moment = before + draw.randint(*KILLED_AFTER)
        while server.answered.total() < moment and process.poll() is None:
            time.sleep(0.002)
        process.kill()
        assert process.wait() != 0, "it ended before it was killed"
    assert asker(KILLED_ROWS, tmp_path / "killed").wait() == 0
    assert (tmp_path / "killed").read_bytes() == (tmp_path / "undisturbed").read_bytes()
    assert stored(store) == (KILLED_ROWS, KILLED_ROWS)
    again = server.answered.total() - len(server.answered)
    # In flight, and what the store, which commits 50 times a second, had not yet: 8 replies in 0.02 s.
    assert 0 < again / KILLS <= 2 * concurrency


def test_two_processes_share_the_store_at_once(serve, store, tmp_path):
    serve(latency=0.002)
    both = [asker(1000, tmp_path / name) for name in ("one", "other")]
    assert [process.wait() for process in both] == [0, 0]
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    assert stored(store) == (1000, 1000)


def content_of(body):
    return body["messages"][0]["content"]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "tail"])
def test_rows_that_another_run_may_answer_fail_the_block_when_all_else_is_kept(serve, store, kind):
    serve(
        lambda body, attempt: faults(body, 0, 0.01)[kind] if content_of(body).endswith("7") else good(body),
        timeout=1.0,
        retries=0,
        unanswered=None,
    )
    found = []
    with pytest.raises(UserError) as caught, Model(NAME) as model:
        found += model.generate(questions(40))
    assert (len(found), stored(store)[0]) == (40, 36)
    assert {each.key[-1] for each in found if each.passing} == {"7"}
    first, second = str(caught.value).splitlines()
    assert first.startswith("openai:tiny: no reply came to 4 requests, mostly: ")
    assert "run again" in second
    assert "openai.unanswered: reject" in second


def test_what_will_never_be_answered_fails_nothing(serve):
    serve(
        lambda body, attempt: failing(400, "odd") if content_of(body).endswith("7") else good(body),
        unanswered=None,
    )
    assert sum(each.error is not None for each in ask(questions(40)).values()) == 4


def test_a_request_that_is_answered_in_the_end_fails_nothing(serve):
    serve(at_first(failing(500)), retries=0, unanswered=None)
    with Model(NAME) as model:
        assert [each.passing for each in model.generate([request()])] == [True]
        assert [each.error for each in model.generate([request()])] == [None]


def test_another_error_is_not_hidden_by_rows_without_a_reply(serve):
    serve(lambda body, attempt: failing(500), retries=0, unanswered=None)
    with pytest.raises(ZeroDivisionError), Model(NAME) as model:
        list(model.generate([request()]))
        raise ZeroDivisionError


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"", 204),
        failing(302, Location="http://127.0.0.1:9/"),
        failing(307, Location="http://127.0.0.1:9/"),
        failing(401),
        failing(402, "pay"),
        failing(403),
        failing(404, "no such model"),
        failing(405),
    ],
    ids=lambda answer: str(answer.status),
)
def test_one_odd_status_among_good_replies_is_tried_again(serve, answer):
    server = serve(
        lambda body, attempt: answer if server.asked.total() == 150 else good(body), unanswered=None
    )
    assert {each.error for each in ask(questions(300)).values()} == {None}
    assert server.asked.total() == 301


@pytest.mark.parametrize(
    ("fields", "text", "finish"),
    [
        ({"message": {"content": None}}, "", "stop"),
        ({"message": {}}, "", "stop"),
        ({"message": {"content": None, "tool_calls": [{}]}, "finish_reason": "tool_calls"}, "", "stop"),
        ({"message": {"content": "Let me look"}, "finish_reason": "function_call"}, "", "stop"),
        ({"message": {"content": None, "refusal": "I cannot."}}, "I cannot.", "content_filter"),
    ],
)
def test_what_will_never_be_text_is_asked_twice_and_kept(serve, store, fields, text, finish):
    server = serve(changed(**fields))
    with Model(NAME) as model:
        (reply,) = model.generate([request()])
    assert (reply.text, reply.finish, reply.error) == (text, finish, None)
    taken = model.usage.taken()["purposes"]["respond"]
    assert (server.asked.total(), taken["calls"], taken["prompt_tokens"]) == (2, 2, 14)
    assert model.usage.asked()["purposes"]["respond"]["prompt_tokens"] == 7
    assert stored(store) == (1, 1)
    assert one().cached
    assert server.asked.total() == 2


def test_a_second_try_may_give_text(serve):
    server = serve(lambda body, attempt: good(body) if attempt else changed(message={})(body, 0))
    assert one().text == text_for(server.bodies[0], 0)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("concurrency", [1, 16])
def test_no_more_calls_are_sent_than_the_budget_has(serve, store, tmp_path, monkeypatch, share, concurrency):
    monkeypatch.setattr(openai_watch, "SILENT_TIMEOUTS", 1000)
    server = serve(
        seeded(5, share, tail=0.1), timeout=patience.scaled(0.2), retries=3, concurrency=concurrency
    )
    machine = yaml.safe_load((tmp_path / "machine.yaml").read_text())
    (tmp_path / "machine.yaml").write_text(yaml.safe_dump(machine | {"budget": {"calls": 100}}))
    with (
        pytest.raises(UserError, match=r"the budget of machine.yaml is spent: 100 of 100 calls"),
        Model(NAME) as model,
    ):
        list(model.generate(questions(500)))
    assert server.asked.total() == model.usage.total("calls") == 100
    assert stored(store)[0] == len(server.answered)


def test_a_budget_that_the_last_retry_exceeds_is_said(serve, tmp_path):
    server = serve(lambda body, attempt: failing(500), retries=9)
    machine = yaml.safe_load((tmp_path / "machine.yaml").read_text())
    (tmp_path / "machine.yaml").write_text(yaml.safe_dump(machine | {"budget": {"calls": 4}}))
    with pytest.raises(UserError, match="4 of 4 calls"):
        one()
    assert server.asked.total() == 4


def test_usage_counts_every_call_and_the_tokens_of_discarded_replies(serve):
    other = changed(model="another")

    def plan(body, attempt):
        return (failing(500), other(body, 0), good(body))[attempt]

    serve(plan)
    with Model(NAME) as model:
        list(model.generate([request()]))
    taken = model.usage.taken()["purposes"]["respond"]
    assert (taken["calls"], taken["failed"], taken["prompt_tokens"]) == (3, 0, 14)
    assert taken["completion_tokens"] == 8


def test_a_server_id_makes_another_model_of_one_name(serve):
    server = serve()
    for server_id in ("", "here", "there", "here"):
        ask([request()], replace(NAME, server_id=server_id))
    assert server.asked.total() == 3
    assert OpenAIEngine.identity(replace(NAME, server_id="here")) == "openai:tiny[server_id=here]"


@pytest.mark.parametrize(
    ("role", "fragment"),
    [
        ('{uri: "openai:tiny", server_id: "a b"}', "server_id is 'a b'"),
        ('{uri: "vllm:tiny", server_id: here}', "expected no server_id beside vllm:"),
    ],
)
def test_a_server_id_that_is_none_is_refused(tmp_path, role, fragment):
    text = SHIPPED_PARAMS.read_text(encoding="utf-8")
    path = tmp_path / "params.yaml"
    path.write_text(text.replace("  judge: simulated:large", f"  judge: {role}"), encoding="utf-8")
    with pytest.raises(BadParams, match=fragment):
        load_all_params(path)
    good_role = '{uri: "openai:tiny", server_id: lab-1}'
    path.write_text(text.replace("  judge: simulated:large", f"  judge: {good_role}"), encoding="utf-8")
    assert load_all_params(path).models.judge == replace(NAME, server_id="lab-1")


@pytest.mark.parametrize(
    "url", [f"http://host:99999/v1?key={KEY}", f"ftp://host/#{KEY}", f"http://host/v1#{KEY}"]
)
def test_a_key_behind_the_base_url_is_not_shown(monkeypatch, tmp_path, url):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    with pytest.raises(UserError) as caught:
        openai_engine.OpenAIEngine(NAME)
    assert KEY not in str(caught.value)


def test_choices_are_taken_by_their_numbers(serve):
    def plan(body, attempt):
        whole = content(body)
        return Answer(json.dumps(whole | {"choices": whole["choices"][::-1]}).encode())

    server = serve(plan)
    reply = one(n=3, temperature=1.0)
    assert [choice.text for choice in reply.choices] == [
        text_for(server.bodies[0], each) for each in range(3)
    ]


@pytest.mark.parametrize("logprob", ["NaN", "-Infinity", "1e999", "null", '"x"', "[]", "{}"])
def test_logprobs_that_are_none_are_no_data(serve, logprob):
    def plan(body, attempt):
        return Answer(json.dumps(content(body)).replace("-0.25", logprob).encode())

    serve(plan, retries=0)
    reply = one(logprobs=2)
    assert reply.error.startswith("malformed reply: choices.0.logprobs")
    assert reply.passing
