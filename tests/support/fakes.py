"""An engine that answers by a function, and the replies it gives."""

from __future__ import annotations

from evobuild.core.chat import Choice, Reply


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
