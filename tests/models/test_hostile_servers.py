"""Whatever a server answers, each request ends in a reply, a reject or `later`, and nobody sees the key."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import polars as pl
import pytest
import yaml
from asker import NAME
from faults import KEY, FaultServer, good
from hostile import BEHAVIOURS, KEYS, pieces

from evobuild.cli.cache import reply_archive
from evobuild.core.chat import Message, Request, Sampling
from evobuild.models import rate_limit
from evobuild.models.client import Model

EACH = 2
"""Requests that each behaviour meets."""
TIMEOUT = 3
"""Seconds; more than a busy machine takes for an answer that does not dawdle."""


def questions(names):
    for name in names:
        for number in range(EACH):
            yield Request(f"{name} {number}", "respond", (Message("user", f"{name}/{number}"),), Sampling())


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """The replies to all behaviours at once, with good ones between; what was written;
    calls by behaviour."""
    folder = tmp_path_factory.mktemp("hostile")
    calls = Counter()

    def plan(body, attempt):
        name, _, number = body["messages"][0]["content"].rpartition("/")
        calls[name, int(number)] += 1
        return BEHAVIOURS[name].answer(body) if name in BEHAVIOURS else good(body)

    with pytest.MonkeyPatch.context() as patch, FaultServer(plan) as server:
        patch.setattr(rate_limit, "FIRST_WAIT", 0.01)
        for name, value in {
            "NO_PROXY": "127.0.0.1",
            "DVC_ROOT": str(folder),
            "OPENAI_API_KEY": KEY,
            "EVOBUILD_STORE": str(folder / "replies.sqlite"),
        }.items():
            patch.setenv(name, value)
        options = {"base_url": server.url, "timeout": TIMEOUT, "retries": 1, "unanswered": "reject"}
        (folder / "machine.yaml").write_text(yaml.safe_dump({"openai": options | {"concurrency": 16}}))
        names = [name for each in BEHAVIOURS for name in (each, f"good {each}")]
        with Model(NAME) as model:
            list(model.generate(questions(["good first"])))
            replies = {reply.key: reply for reply in model.generate(questions(names))}
        again = {}
        with Model(NAME) as model:
            kept = (each for each in questions(BEHAVIOURS) if not replies[each.key].error)
            again = {reply.key: reply for reply in model.generate(kept)}
    return replies, again, folder, calls


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_a_hostile_answer_ends_as_it_should(asked, name):
    replies, again, _, calls = asked
    for number in range(EACH):
        reply = replies[f"{name} {number}"]
        found = "later" if reply.passing else "reject" if reply.error else "reply"
        assert found == BEHAVIOURS[name].outcome, reply
        shown = repr(reply)
        assert not [piece for piece in pieces() if piece in shown]
        reply.error and reply.error.encode()
        assert all(each.isprintable() for each in reply.error or "")
        if found == "reply":
            assert again[reply.key].cached
            assert all(each.text.encode() is not None and 0 <= each.tokens < 1e7 for each in reply.choices)
            assert 0 < reply.prompt_tokens < 1e7
        assert calls[name, number] <= 2


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("large text", "a reply of more than 1,179,648 bytes"),
        ("slow drip", f"no reply within {TIMEOUT} s"),
        ("slow headers", f"no reply within {TIMEOUT} s"),
        ("gzip bomb", "a reply in the encoding 'gzip', which was not asked for"),
        ("endless error", "500"),
        ("deep array", "malformed reply: Invalid JSON: recursion limit exceeded"),
        ("redirect elsewhere", "answered 302"),
        ("no content", "answered 204"),
    ],
)
def test_why_there_is_no_reply_is_said(asked, name, reason):
    assert asked[0][f"{name} 0"].error.startswith(reason)


@pytest.mark.parametrize("name", KEYS)
def test_a_key_in_a_reply_is_hidden(asked, name):
    reply = asked[0][f"{name} 0"]
    beside = name in ("key in the id", "key in a header")
    assert ("***" in reply.text + reply.reasoning) is not beside


def test_good_replies_between_hostile_ones_are_good(asked):
    replies = asked[0]
    assert {replies[f"good {name} {number}"].error for name in BEHAVIOURS for number in range(EACH)} == {None}


def test_the_key_is_in_no_file(asked):
    for file in filter(Path.is_file, asked[2].rglob("*")):
        data = file.read_bytes()
        assert not [piece for piece in pieces() if piece.encode() in data], file


def test_the_key_is_in_no_archive(asked, tmp_path):
    file = tmp_path / "replies.parquet"
    assert reply_archive.export_replies(cache=asked[2] / "replies.sqlite", archive=file).taken
    said = repr(pl.read_parquet(file).select("identity", "reply").rows())
    assert not [piece for piece in pieces() if piece in said]
