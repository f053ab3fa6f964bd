"""The door and its store: each question paid for once, whatever happens."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import reply

from evobuild.errors import UserError
from evobuild.models.door import CHUNK, Model
from evobuild.models.request import Choice, Message, Reply, Request, Sampling
from evobuild.models.store import Store
from evobuild.uri import ChatModel

NAME = ChatModel("simulated", "fake")


def request(text, key=None, **sampling):
    return Request(key or text, "respond", (Message("user", text),), Sampling(**sampling))


def shout(asked):
    return asked.messages[0].content.upper()


def ask(requests):
    with Model(NAME) as model:
        return {each.key: each.text for each in model.generate(requests)}


def test_replies_are_joined_by_key_though_they_come_in_another_order(engine):
    engine(shout, capacity=7)
    names = [f"q{number}" for number in range(50)]
    with Model(NAME) as model:
        replies = list(model.generate(map(request, names)))
    assert [each.key for each in replies] != names
    assert {each.key: each.text for each in replies} == {name: name.upper() for name in names}


def test_the_same_question_under_two_keys_is_asked_once(engine):
    fake = engine(shout)
    with Model(NAME) as model:
        replies = list(model.generate([request("a", "1"), request("b", "2"), request("a", "3")]))
    assert sorted((each.key, each.text) for each in replies) == [("1", "A"), ("2", "B"), ("3", "A")]
    assert len(fake.asked) == 2
    assert model.usage.as_dict()["purposes"]["respond"] == {
        "calls": 2,
        "cached": 1,
        "failed": 0,
        "prompt_tokens": 14,
        "completion_tokens": 2,
    }


@pytest.mark.parametrize("capacity", [1, 3, 2 * CHUNK])
def test_the_same_question_in_two_chunks_is_asked_once(engine, capacity):
    fake = engine(shout, capacity)
    first = [request(f"q{number}", f"1-{number}") for number in range(CHUNK)]
    # In another order: what still waits when the second chunk is looked up comes late in it.
    second = [request(f"new {number}") for number in range(9)] + [
        request(f"q{number}", f"2-{number}") for number in range(CHUNK - 9)
    ]
    third = [request(f"q{number}", f"3-{number}") for number in range(CHUNK - 1, CHUNK - 9, -1)]
    assert len(ask([*first, *second, *third])) == 2 * CHUNK + 8
    assert len(fake.asked) == CHUNK + 9


def test_a_question_in_flight_at_the_lookup_is_not_asked_again_once_it_is_answered(engine):
    fake = engine(shout, capacity=5)
    first = [request(f"q{number}") for number in range(CHUNK)]
    second = [*(request(f"new {number}") for number in range(20)), request(f"q{CHUNK - 1}", "again")]
    assert ask([*first, *second])["again"] == f"Q{CHUNK - 1}"
    assert len(fake.asked) == CHUNK + 20


def test_a_stored_reply_never_starts_an_engine(engine, monkeypatch):
    fake = engine(shout)
    ask([request("a"), request("b")])

    def refuse(model):
        raise AssertionError("started")

    monkeypatch.setattr("evobuild.models.engine.start", refuse)
    assert ask([request("b"), request("a", "other key")]) == {"b": "B", "other key": "A"}
    assert fake.closed


def test_a_failed_request_is_a_reply_that_is_not_stored_and_harms_no_other(engine):
    def failing(asked):
        return reply(asked.key, "", error="prompt too long") if asked.messages[0].content == "bad" else "fine"

    fake = engine(failing)
    for _ in range(2):
        with Model(NAME) as model:
            replies = {
                each.key: each
                for each in model.generate([request("good"), request("bad"), request("bad", "2")])
            }
        assert {key: each.error for key, each in replies.items()} == {
            "good": None,
            "bad": "prompt too long",
            "2": "prompt too long",
        }
        assert replies["good"].text == "fine"
    assert [asked.messages[0].content for asked in fake.asked] == ["good", "bad", "bad"]


@pytest.mark.parametrize("capacity", [1, 64])
def test_a_long_generator_is_not_drained_ahead(engine, capacity):
    engine(shout, capacity)
    made = 0

    def requests():
        nonlocal made
        for made in range(1, 200_001):
            yield request(f"q{made}")

    with Model(NAME) as model:
        replies = model.generate(requests())
        for given, _ in enumerate(replies, start=1):
            assert made <= given + CHUNK + capacity
            if given == 1500:
                break
        replies.close()


def test_what_arrived_is_kept_when_the_consumer_fails(engine):
    fake = engine(shout, capacity=10)
    with pytest.raises(ZeroDivisionError), Model(NAME) as model:
        for _ in model.generate(request(f"q{number}") for number in range(40)):
            raise ZeroDivisionError
    assert fake.closed
    # The first ten arrived together; the consumer saw one of them.
    assert len(fake.asked) == 10
    ask(request(f"q{number}") for number in range(40))
    assert len(fake.asked) == 40


def test_two_open_stores_share_one_file(store):
    with Store(store, "m") as one, Store(store, "m") as two:
        key = one.key(request("a"))
        one.put(key, reply("k", "A"))
        one.flush()
        assert two.get([key])[key].text == "A"
        two.put(key, reply("k", "later"))
        two.flush()
        assert one.get([key])[key].text == "A"


def test_many_processes_open_and_fill_one_new_file(store):
    code = (
        "import sys; from pathlib import Path; from evobuild.models.store import Store;"
        "from evobuild.models.request import *\n"
        "with Store(Path(sys.argv[1]), 'm') as store:\n"
        "  for number in range(50):\n"
        "    asked = Request('k', 'respond', (Message('user', f'{sys.argv[2]} {number}'),), Sampling())\n"
        "    store.put(store.key(asked), Reply('k', (Choice('x', 'stop', 1),), 1)); store.flush()\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, store, str(number)]) for number in range(6)]
    assert [process.wait() for process in running] == [0] * 6
    with sqlite3.connect(store) as connection:
        assert connection.execute("SELECT count(*) FROM replies").fetchone() == (300,)
    connection.close()


def test_neither_key_nor_purpose_counts_and_all_else_does(store):
    asked = request("a", temperature=0.5, seed=1)
    others = [
        *(
            replace(asked, sampling=replace(asked.sampling, **change))
            for change in (
                {"seed": 2},
                {"temperature": 0.6},
                {"top_p": 0.9},
                {"max_tokens": 9},
                {"n": 2},
                {"stop": ("x",)},
                {"logprobs": 1},
            )
        ),
        replace(asked, messages=(Message("system", "a"),)),
        replace(asked, messages=(Message("user", "a "),)),
        replace(asked, messages=(*asked.messages, *asked.messages)),
    ]
    with Store(store, "m") as same, Store(store, "other") as other:
        assert same.key(replace(asked, key="b", purpose="evolve")) == same.key(asked)
        assert len({same.key(each) for each in [asked, *others]} | {other.key(asked)}) == len(others) + 2


def test_a_stored_reply_comes_back_whole(store):
    choices = (Choice("é\ud800\0", "length", 3, ((-0.5, -1.25), (-2.0,))), Choice("", "content_filter", 0))
    given = Reply("k", choices, 11)
    with Store(store, "m") as first:
        key = first.key(request("a"))
        first.put(key, given)
    with Store(store, "m") as second:
        assert second.get([key]) == {key: replace(given, key="", cached=True)}


def newer(path):
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()


def below_a_file(path):
    path.parent.write_text("no folder")


@pytest.mark.parametrize(
    ("spoil", "fragment"),
    [
        (newer, "version 99"),
        (lambda path: path.write_text("id,text\n1,no database at all\n" * 99), "not a database"),
        (Path.mkdir, "unable to open"),
        (below_a_file, "reply store cannot be used"),
    ],
)
def test_a_file_that_is_no_usable_store_is_the_users_to_mend(tmp_path, spoil, fragment):
    path = tmp_path / "folder" / "replies.sqlite"
    if spoil is not below_a_file:
        path.parent.mkdir()
    spoil(path)
    with pytest.raises(UserError) as caught:
        Store(path, "m")
    assert fragment in str(caught.value)
    assert str(path) in str(caught.value)
    assert str(caught.value).count("\n") <= 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_store_that_may_not_be_written_is_the_users_to_mend(store):
    Store(store, "m").__exit__(None, None, None)
    store.chmod(0o444)
    with pytest.raises(UserError, match="readonly"):
        Store(store, "m")


def test_usage_counts_calls_store_hits_failures_and_tokens(engine):
    engine(
        lambda asked: (
            reply(asked.key, "", error="x")
            if asked.key and "bad" in asked.messages[0].content
            else "two words"
        )
    )
    ask([request("a")])
    with Model(NAME) as model:
        list(model.generate([request("a"), request("b"), replace(request("bad"), purpose="evolve")]))
    usage = model.usage.as_dict()
    assert (usage["model"], usage["cost"]) == ("simulated:fake", None)
    assert usage["purposes"] == {
        "evolve": {"calls": 1, "cached": 0, "failed": 1, "prompt_tokens": 7, "completion_tokens": 0},
        "respond": {"calls": 1, "cached": 1, "failed": 0, "prompt_tokens": 7, "completion_tokens": 2},
    }
