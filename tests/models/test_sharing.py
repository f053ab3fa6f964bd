"""One engine behind several roles: loaded once, each reply to who asked, let go with the last."""

from __future__ import annotations

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

    monkeypatch.setattr("evobuild.models.engine.start_engine", start)
    monkeypatch.setattr("evobuild.models.engine.engine_identity", str)
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
