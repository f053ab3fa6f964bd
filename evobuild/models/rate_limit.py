"""How fast a server is asked: calls in flight that follow what it can take, and waits between retries.

The number of calls in flight grows while the server keeps up and halves when it refuses (additive
increase, multiplicative decrease). A fault now and then is not a full server: only a window of calls of
which more than a quarter was refused counts. Waits are drawn at random; no result depends on them.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType

FIRST_LIMIT = 16
"""Calls in flight to begin with; doubled by each window until the first refusal."""

REFUSED_SHARE = 0.25
"""Of a window of calls: above it the server is taken to be full."""

WINDOW = 8
"""The least number of calls that one decision rests on."""

FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0
"""Seconds before the first retry, doubled by each further one up to the longest."""


class RateLimit:
    """A limit that lets at most `limit` calls through at once; `async with` it around each call.

    most: the limit never exceeds it.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.limit = min(most, FIRST_LIMIT)
        self._inside = self._seen = self._refused = 0
        self._doubling = True
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> None:
        if self._inside < self.limit and not self._waiting:
            self._inside += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        await turn

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inside -= 1
        while self._waiting and self._inside < self.limit:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                self._inside += 1

    def count(self, refused: bool) -> None:
        """Take note of a finished call; refused: 429, 503 or a timeout."""
        self._seen += 1
        self._refused += refused
        if self._seen < max(self.limit, WINDOW):
            return
        if self._refused > REFUSED_SHARE * self._seen:
            self._doubling = False
            self.limit = max(1, self.limit // 2)
        else:
            step = self.limit if self._doubling else max(1, self.most // 16)
            self.limit = min(self.most, self.limit + step)
        self._seen = self._refused = 0


def retry_wait(attempt: int, asked: float | None) -> float:
    """Draw the seconds before retry number `attempt`, from 0.

    asked: what the server's Retry-After says, in seconds, which is the least; None without one.
    """
    backoff = min(LONGEST_WAIT, FIRST_WAIT * 2**attempt)
    if asked is None:
        return random.uniform(backoff / 2, backoff)
    return asked + random.uniform(0, min(backoff, asked / 4 + FIRST_WAIT / 4))


def retry_after(header: str | None) -> float | None:
    """Read a Retry-After header, seconds or an HTTP date, into seconds from now; None if there is none."""
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(header).astimezone(UTC) - datetime.now(UTC)).total_seconds()
        except ValueError:
            return None
    return max(0.0, seconds) if seconds < float("inf") else None
