"""The chat client: each question paid for once, whatever happens."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fakes import reply

from evobuild.core.chat import Message, Request, Sampling
from evobuild.core.uri import ChatModel
from evobuild.models.client import CHUNK, Model

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
    assert model.usage.taken()["purposes"]["respond"] == {
        "calls": 2,
        "cached": 1,
        "failed": 0,
        "prompt_tokens": 14,
        "completion_tokens": 2,
        "cached_prompt_tokens": 7,
        "cached_completion_tokens": 1,
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

    monkeypatch.setattr("evobuild.models.placement.start_engine", refuse)
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
    usage = model.usage.taken()
    assert (usage["model"], usage["cost"]) == ("simulated:fake", None)
    cached = {"cached_prompt_tokens": 7, "cached_completion_tokens": 2}
    assert usage["purposes"] == {
        "evolve": {"calls": 1, "cached": 0, "failed": 1, "prompt_tokens": 7, "completion_tokens": 0}
        | dict.fromkeys(cached, 0),
        "respond": {"calls": 1, "cached": 1, "failed": 0, "prompt_tokens": 7, "completion_tokens": 2}
        | cached,
    }


def test_what_was_asked_is_the_same_whatever_was_kept_before(engine):
    engine(lambda asked: "two words")
    found = []
    for _ in range(2):
        with Model(NAME, "judge") as model:
            list(model.generate([request("a", "1"), request("b", "2"), request("a", "3")]))
        found.append(model.usage.asked())
    purposes = {"respond": {"requests": 3, "prompt_tokens": 21, "completion_tokens": 6}}
    asked = {"role": "judge", "model": "simulated:fake", "identity": "simulated:fake"}
    assert found == [asked | {"purposes": purposes}] * 2
