"""One engine behind several roles: loaded once, each reply to who asked, let go with the last."""

from __future__ import annotations

from itertools import pairwise

import pytest
from fakes import FakeEngine

from evobuild.core.chat import Message, Request, Sampling
from evobuild.core.errors import UserError
from evobuild.core.uri import ChatModel
from evobuild.models.client import Model
from evobuild.models.sharing import Engines

ONE, OTHER = ChatModel("simulated", "one"), ChatModel("simulated", "other")


def request(text):
    return Request(text, "respond", (Message("user", text),), Sampling())


@pytest.fixture
def started(store, monkeypatch):
    """The fake engines that were started, in order."""
    found = []

    def start(model):
        found.append(FakeEngine(lambda asked: f"{model.name}: {asked.messages[0].content}", capacity=4))
        return found[-1]

    monkeypatch.setattr("evobuild.models.placement.start_engine", start)
    monkeypatch.setattr("evobuild.models.registry.engine_identity", str)
    return found


def texts(replies):
    return {reply.key: reply.text for reply in replies}


def test_roles_of_one_model_share_its_engine_and_the_last_lets_it_go(started):
    engines = Engines()
    with Model(ONE, engines=engines) as evolver:
        with Model(ONE, engines=engines) as judge, Model(OTHER, engines=engines) as optimizer:
            assert texts(evolver.generate([request("a")])) == {"a": "one: a"}
            assert texts(judge.generate([request("b")])) == {"b": "one: b"}
            assert texts(optimizer.generate([request("b")])) == {"b": "other: b"}
        assert [each.closed for each in started] == [False, True]
    assert [each.closed for each in started] == [True, True]


def test_one_that_is_asked_about_the_replies_of_another_gets_its_own(started):
    """As the judge is, about children that the evolver still makes; both ask some questions alike."""
    engines, names = Engines(), [f"q{number:03}" for number in range(60)]
    with Model(ONE, engines=engines) as evolver, Model(ONE, engines=engines) as judge:
        children = (request(reply.key) for reply in evolver.generate(map(request, names)))
        found = texts(judge.generate(children))
    assert found == {name: f"one: {name}" for name in names}
    (fake,) = started
    assert not fake.in_flight


def test_replies_wait_at_the_end_that_asked_and_leave_the_engine_free(started):
    engines = Engines()
    one, other = engines.start(ONE), engines.start(ONE)
    for number in range(4):
        one.submit(request(f"one {number}"))
    for number in range(4):
        other.submit(request(f"other {number}"))  # the engine is full: it waits for those of the first
    assert {reply.key for reply in one.collect()} == {f"one {number}" for number in range(4)}
    one.submit(request("last"))
    other.close()
    assert [reply.key for reply in one.collect()] == ["last"]
    one.close()


def test_one_that_comes_after_all_have_gone_starts_anew(started):
    engines = Engines()
    for _ in range(2):
        with Model(ONE, engines=engines) as model:
            model.started_engine()
    assert [each.closed for each in started] == [True, True]


def test_the_engines_error_reaches_who_waits(started):
    def fail():
        raise UserError("the server has gone")

    end = Engines().start(ONE)
    end.submit(request("a"))
    started[0].collect = fail
    with pytest.raises(UserError, match="gone"):
        end.collect()


@pytest.fixture
def shares(monkeypatch):
    """What each model takes of the device, by name."""
    found = {}
    monkeypatch.setattr("evobuild.models.placement.device_share", lambda model: found[model.name])
    return found


def test_two_that_fit_stay_side_by_side(started, shares):
    shares |= {"one": 0.6, "other": 0.4}
    engines = Engines()
    with Model(ONE, engines=engines) as one, Model(OTHER, engines=engines) as other:
        for name in ("a", "b"):
            assert texts(one.generate([request(name)])) == {name: f"one: {name}"}
            assert texts(other.generate([request(name)])) == {name: f"other: {name}"}
        assert [each.closed for each in started] == [False, False]
    assert len(started) == 2


def test_two_that_do_not_fit_take_turns_and_lose_nothing(started, shares):
    """As the judge is asked about children that the evolver still makes."""
    shares |= {"one": 0.9, "other": 0.9}
    engines, names = Engines(), [f"q{number:03}" for number in range(60)]
    with Model(ONE, engines=engines) as one, Model(OTHER, engines=engines) as other:
        children = (request(reply.key) for reply in one.generate(map(request, names)))
        assert texts(other.generate(children)) == {name: f"other: {name}" for name in names}
        for before, after in pairwise(started):
            assert before.closed and not before.in_flight, "two were on the device at once"
            assert before.asked[0] is not after.asked[0]
        asked = [each.messages[0].content for fake in started for each in fake.asked]
        assert sorted(asked) == sorted(names * 2)
    assert all(each.closed for each in started)


def test_one_that_can_pause_is_not_loaded_again(started, shares, monkeypatch):
    shares |= {"one": 0.9, "other": 0.9}
    told = []
    monkeypatch.setattr(FakeEngine, "pause", lambda self: told.append("pause") or True, raising=False)
    monkeypatch.setattr(FakeEngine, "resume", lambda self: told.append("resume"), raising=False)
    engines = Engines()
    with Model(ONE, engines=engines) as one, Model(OTHER, engines=engines) as other:
        for name in ("a", "b"):
            one_of, other_of = one.generate([request(name)]), other.generate([request(name)])
            assert texts(one_of) | {"": texts(other_of)} == {
                name: f"one: {name}",
                "": {name: f"other: {name}"},
            }
    assert len(started) == 2
    assert told == ["pause", "pause", "resume", "pause", "resume"]
