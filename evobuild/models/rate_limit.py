"""How fast a server is asked: calls in flight that follow what it can take, and waits between retries.

Until a server has answered, and again after SUSPICIOUS failures in a row, it gets PROBES calls at once, and
rests after those that fail, longer from time to time. Once it answers, the number of calls in flight grows
while the server keeps up and halves when it refuses (additive increase, multiplicative decrease). A fault now
and then is not a full server: only a window of calls of which more than a quarter was refused counts. Waits
are drawn at random; no result depends on them.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType

PROBES = 4
"""Calls in flight while it is not known whether a server answers."""

SUSPICIOUS = 16
"""Failures in a row after which that is not known any more."""

LONGEST_REST = 3
"""Doublings of a rest: some 8 seconds, so that a server that is started anew is found soon."""

FIRST_LIMIT = 16
"""Calls in flight once it has answered; doubled by each window until the first refusal."""

REFUSED_SHARE = 0.25
"""Of a window of calls: above it the server is taken to be full."""

WINDOW = 8
"""The least number of calls that one decision rests on."""

FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0
"""Seconds before the first retry, doubled by each further one up to the longest."""


class RateLimit:
    """A limit that lets at most `limit` calls through at once; `async with` it around each call.

    most: the limit never exceeds it. left: how many calls may fail before no more are sent.
    """

    def __init__(self, most: int, left: Callable[[], int] = lambda: PROBES) -> None:
        self.most = most
        self.limit = min(most, FIRST_LIMIT)
        self._left = left
        self._inside = self._seen = self._refused = self._late = 0
        self._doubling = True
        self._is_trusted = False
        self._failed = self._rests = 0
        self._failed_at = self._rests_until = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def room(self) -> int:
        """Calls that may be in flight now."""
        left = self._left()
        if self._is_trusted:
            return self.limit if left else 0
        return 0 if self._rests_until else min(PROBES, self.limit, left)

    async def __aenter__(self) -> None:
        if self._inside < self.room and not self._waiting:
            self._inside += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self._inside -= 1
                self._admit()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inside -= 1
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self._inside < self.room:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                self._inside += 1

    def note_answer(self) -> None:
        """Take note that the server answers."""
        self._is_trusted = True
        self._failed = self._rests = 0
        self._rests_until = 0.0
        self._admit()

    def note_failure(self, began: float, rests: bool, after: float | None = None) -> None:
        """Take note of a failed call, sent at `began`.

        rests: whether a later call may do better. after: what the server's Retry-After says, in seconds.
        """
        self._failed += 1
        if self._is_trusted and self._failed >= SUSPICIOUS:
            self._is_trusted = False
            self.limit = max(min(PROBES, self.limit), self.limit // 2)
        # Calls that were in flight together are one failure.
        if self._is_trusted or not rests or (self._rests and began <= self._failed_at):
            return
        loop = asyncio.get_running_loop()
        self._failed_at = loop.time()
        self._rests_until = self._failed_at + retry_wait(min(self._rests, LONGEST_REST), after)
        self._rests += 1
        loop.call_at(self._rests_until, self._end_rest, self._rests_until)

    def _end_rest(self, until: float) -> None:
        if until == self._rests_until:
            self._rests_until = 0.0
            self._admit()

    def count(self, refused: bool, timed_out: bool = False) -> None:
        """Take note of a finished call; refused: 429 or 503. Probes tell nothing of the limit.

        What times out may be a prompt that the server does not get past: for it the limit does not fall below
        FIRST_LIMIT, so that such prompts leave room for others.
        """
        if not self._is_trusted:
            return
        self._seen += 1
        self._refused += refused
        self._late += timed_out
        if self._seen < max(self.limit, WINDOW):
            return
        if self._refused + self._late > REFUSED_SHARE * self._seen:
            self._doubling = False
            least = 1 if self._refused > REFUSED_SHARE * self._seen else min(FIRST_LIMIT, self.limit)
            self.limit = max(least, self.limit // 2)
        else:
            step = self.limit if self._doubling else max(1, self.most // 16)
            self.limit = min(self.most, self.limit + step)
        self._seen = self._refused = self._late = 0


def retry_wait(attempt: int, asked: float | None) -> float:
    """Draw the seconds before retry number `attempt`, from 0.

    asked: what the server's Retry-After says, in seconds, which is the least; None without one.
    """
    backoff = min(LONGEST_WAIT, FIRST_WAIT * 2**attempt)
    if asked is None:
        return random.uniform(backoff / 2, backoff)
    return asked + random.uniform(0, min(backoff, asked / 4 + FIRST_WAIT / 4))


def retry_after(header: str | None, date: str | None = None) -> float | None:
    """Read a Retry-After header, seconds or an HTTP date, into seconds from now; None without one.

    date: the server's own time, its header Date; without it, this machine's clock is taken for right.
    """
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            now = parsedate_to_datetime(date) if date else datetime.now(UTC)
            seconds = (parsedate_to_datetime(header).astimezone(UTC) - now.astimezone(UTC)).total_seconds()
        except ValueError:
            return None
    return max(0.0, seconds) if seconds < float("inf") else None
