"""Several servers of one model: every request answered, the busy and the dead left to others."""

from __future__ import annotations

import itertools
from contextlib import ExitStack

import pytest
import yaml
from asker import NAME
from faults import KEY, Answer, FaultServer, good

from evobuild.core.chat import Message, Request, Sampling
from evobuild.core.errors import UserError
from evobuild.models import openai_servers, rate_limit
from evobuild.models.client import Model
from evobuild.models.openai_transport import base_urls

FAILING = Answer(b'{"error": {"message": "out of order"}}', 500)
FAILURES = 7
"""Enough that one is left out: as many at once as are in flight, which count as one, and three alone."""


@pytest.fixture
def serve(store, tmp_path, monkeypatch):
    """Begin servers with these plans, which machine.yaml names; a plan of None is a server that is gone."""
    monkeypatch.setattr(rate_limit, "FIRST_WAIT", 0.01)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with ExitStack() as stack:

        def begin(*plans, latencies=(0.0, 0.0, 0.0), **options):
            servers = [
                stack.enter_context(FaultServer(plan or good, latency))
                for plan, latency in zip(plans, latencies, strict=False)
            ]
            for server, plan in zip(servers, plans, strict=True):
                if plan is None:
                    server.url = "http://127.0.0.1:1/v1"
            given = {"base_url": [server.url for server in servers], "timeout": 5.0, "retries": 3} | options
            (tmp_path / "machine.yaml").write_text(yaml.safe_dump({"openai": given}))
            return servers

        yield begin


def ask(number):
    requests = [
        Request(f"q{each}", "respond", (Message("user", f"{each}?"),), Sampling()) for each in range(number)
    ]
    with Model(NAME) as model:
        found = {reply.key: reply for reply in model.generate(requests)}
    assert len(found) == number
    return found


def test_all_are_asked_and_none_twice(serve):
    servers = serve(good, good, good)
    found = ask(300)
    assert {reply.error for reply in found.values()} == {None}
    asked = [server.asked.total() for server in servers]
    assert sum(asked) == 300
    assert min(asked) > 0


def test_a_reply_is_kept_as_the_models_whoever_gave_it(serve):
    serve(good, good)
    ask(50)
    (other,) = serve(good)
    assert all(reply.cached for reply in ask(50).values())
    assert not other.asked


def test_the_slow_one_is_asked_less(serve):
    fast, slow = serve(good, good, latencies=(0.0, 0.2), concurrency=8)
    ask(120)
    assert fast.asked.total() > 2 * slow.asked.total()


def test_one_that_is_gone_is_left_out_and_said(serve, capsys):
    _, there = serve(None, good)
    assert {reply.error for reply in ask(60).values()} == {None}
    assert there.asked.total() == 60
    assert "the server at http://127.0.0.1:1/v1 is left out for now" in capsys.readouterr().err


def test_one_that_breaks_is_left_out_and_asked_again_once_it_answers(serve, capsys):
    asked = itertools.count()

    def breaks(body, attempt):
        return FAILING if next(asked) < FAILURES else good(body)

    # The other is slow, so that there is work left when this one has come to itself.
    broken, slow = serve(breaks, good, latencies=(0.0, 0.05), concurrency=1)
    found = ask(100)
    assert {reply.error for reply in found.values()} == {None}
    assert broken.answered.total() > 20
    assert slow.answered
    assert broken.asked.total() - broken.answered.total() == FAILURES
    assert "answers again" in capsys.readouterr().err


def test_all_gone_are_named(serve):
    serve(None, None)
    with pytest.raises(UserError, match=r"127\.0\.0\.1:1.*does not answer"):
        ask(1)


def test_all_that_break_are_named_with_what_they_said(serve):
    servers = serve(lambda body, attempt: FAILING, lambda body, attempt: FAILING, retries=2)
    with pytest.raises(
        UserError, match=r"none of (its 2 servers answers|the last 64 requests was answered)"
    ) as error:
        ask(100)
    assert all(server.url in str(error.value) for server in servers)
    assert "out of order" in str(error.value)
    assert str(error.value).count("\n") <= 1


def test_one_that_refuses_the_key_is_left_out(serve):
    refusing, there = serve(lambda body, attempt: Answer(b"{}", 401), good)
    assert {reply.error for reply in ask(60).values()} == {None}
    assert refusing.asked.total() < 60
    assert there.answered.total() == 60


def test_one_that_has_other_models_is_not_asked(serve, capsys):
    other, there = serve(good, good)
    other.listed = [{"id": "llama", "object": "model"}, {"id": "mistral", "object": "model"}]
    ask(20)
    assert (other.asked.total(), there.asked.total()) == (0, 20)
    assert "has other models" in capsys.readouterr().err


def test_urls_are_taken_once_each_and_one_may_stand_alone():
    given = openai_servers.OpenAI(base_url=["http://a/v1/", "http://a/v1", "http://b/v1"])
    assert base_urls(given) == ["http://a/v1", "http://b/v1"]
    assert base_urls(openai_servers.OpenAI(base_url="http://a/v1")) == ["http://a/v1"]
    with pytest.raises(UserError, match="expected http"):
        base_urls(openai_servers.OpenAI(base_url=["http://a/v1", "b"]))
