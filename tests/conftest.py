"""What several tests share: a row of an instruction table, and a reply store of one's own."""

from __future__ import annotations

import pytest

from evobuild.core.chat import Choice, Reply
from evobuild.core.tables import Instruction, content_id, row_id
from evobuild.models import reply_cache as stores

SLOWEST = ("test_line", "test_kill", "test_pipeline")
"""Modules that take as long as all others together; each is a worker's as a whole, for it builds once."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the slowest modules, so that the workers end together."""
    order = {name: place for place, name in enumerate(SLOWEST)}
    items.sort(key=lambda item: order.get(item.path.stem, len(order)))


@pytest.fixture
def row():
    """Make a seed row; its ids follow from what it is given."""

    def make(instruction="Name a river.", **fields):
        content = content_id(fields.get("history", ()), instruction, fields.get("input", ""))
        identity = row_id("r0", fields.get("parent_id", ""), content)
        empty = Instruction(identity, content, identity, "", "r0", "chat", (), instruction, "", "", "", "")
        return empty._replace(**fields)

    return make


@pytest.fixture
def store(tmp_path, monkeypatch):
    """The path of an empty reply store, which every model of the test uses."""
    path = tmp_path / "replies.sqlite"
    monkeypatch.setenv("EVOBUILD_STORE", str(path))
    assert stores.path() == path
    return path


def reply(key, text, finish="stop", error=None):
    """A reply of one choice, or of none if it failed."""
    return Reply(key, () if error else (Choice(text, finish, len(text.split())),), 7, error)


class FakeEngine:
    """Answers by a function of the request, the last submitted first; remembers what it was asked."""

    def __init__(self, answer, capacity=8):
        self.answer, self.capacity = answer, capacity
        self.asked, self.in_flight, self.closed = [], [], False

    def submit(self, request):
        assert len(self.in_flight) < self.capacity
        self.asked.append(request)
        self.in_flight.append(request)

    def collect(self):
        assert self.in_flight, "nothing to wait for"
        finished, self.in_flight = self.in_flight[::-1], []
        return [self._reply(request) for request in finished]

    def close(self):
        self.closed = True

    def _reply(self, request):
        answered = self.answer(request)
        return reply(request.key, answered) if isinstance(answered, str) else answered


@pytest.fixture
def engine(store, monkeypatch):
    """Put a fake engine behind every model of the test."""

    def install(answer, capacity=8):
        fake = FakeEngine(answer, capacity)
        monkeypatch.setattr("evobuild.models.engine.start", lambda model: fake)
        monkeypatch.setattr("evobuild.models.engine.identity", str)
        return fake

    return install
