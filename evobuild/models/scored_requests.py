"""Requests whose continuation is scored: their parts, read apart and in any order, become one reply."""

from __future__ import annotations

from dataclasses import dataclass, field

from evobuild.core.chat import Choice, Reply, Request
from evobuild.weights.continuations import Scored

Logprobs = tuple[tuple[float, ...], ...]
"""Of each scored token its log-probability, then the greatest at its place; in nats."""


@dataclass(frozen=True)
class ScoredRequest:
    """A request, the parts of its continuation, and what has been read of them, by their numbers."""

    request: Request
    parts: list[Scored]
    _read: dict[int, Logprobs] = field(default_factory=dict)

    def add(self, number: int, logprobs: Logprobs) -> None:
        """Add what was read of a part."""
        self._read[number] = logprobs

    def replies(self) -> list[Reply]:
        """Give the reply once all parts are read; nothing before."""
        if len(self._read) < len(self.parts):
            return []
        logprobs = tuple(each for number in range(len(self.parts)) for each in self._read[number])
        choice = Choice(self.request.continuation or "", "stop", 0, logprobs)
        tokens = sum(len(part.prompt) + len(part.continuation) for part in self.parts)
        return [Reply(self.request.key, (choice,), tokens)]
