"""Counting calls without making them: what `evobuild plan` runs a stage with.

Inside `counting_calls()` every chat client looks its requests up in the reply cache and asks no engine: what
is not stored gets a reply with the error PLANNED, is counted, and is not kept. Only the simulated model,
which costs nothing, really answers, so that what depends on its answers is counted too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from evobuild.core.chat import Reply, Request
from evobuild.models.usage import Usage

PLANNED = "planned, not asked"
_counted: ContextVar[list[Usage] | None] = ContextVar("counted", default=None)


@contextmanager
def counting_calls() -> Iterator[list[Usage]]:
    """Give the usage of every chat client that is opened inside, as it would be."""
    usages: list[Usage] = []
    token = _counted.set(usages)
    try:
        yield usages
    finally:
        _counted.reset(token)


def note_usage(usage: Usage) -> bool:
    """Whether calls are only counted now; if so the usage is taken down."""
    usages = _counted.get()
    if usages is None:
        return False
    usages.append(usage)
    return True


class PlanningEngine:
    """Answers nothing, at once; prompt tokens are estimated as four bytes each."""

    capacity = 64

    def __init__(self) -> None:
        self._requests: list[Request] = []

    def submit(self, request: Request) -> None:
        """Take one request."""
        self._requests.append(request)

    def collect(self) -> list[Reply]:
        """Give every request back unanswered."""
        requests, self._requests = self._requests, []
        return [Reply(request.key, (), _tokens(request), PLANNED) for request in requests]

    def close(self) -> None:
        """Nothing to let go."""


def _tokens(request: Request) -> int:
    texts = [message.content for message in request.messages] + [request.continuation or ""]
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts) // 4
