"""Watch the calls to the servers of one model, and tell when no further call is worth its price.

The servers count as one. They have failed, and the stage ends with what was seen, once

- `IN_A_ROW` requests in a row got no answer: their calls failed, were rejected or brought an empty reply. Of
  those in flight when a server breaks off that had answered, the first alone counts: it may be back soon;
- nothing was answered for `SILENT_TIMEOUTS` times the timeout, while as many requests wait. If fewer do, they
  may be the last ones, prompts that no server gets past: they are given up, and the stage goes on;
- of the last `LATEST` requests, `FAILED_SHARE` came to nothing.

Times are in seconds, of one clock that never goes back.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from math import ceil

from evobuild.core.chat import Request
from evobuild.models.engine import ServerFailed
from evobuild.process.terminal import duration, log

IN_A_ROW = 64
SILENT_TIMEOUTS = 1.5
LATEST = 200
FAILED_SHARE = 0.9

LINE_SECONDS = 60.0
"""Between two lines on failures."""
CAUSES = 3
"""Causes that a line names, the commonest."""
LONGEST_CAUSE = 160


class Watch:
    """The outcomes of all calls to a model.

    name: what lines begin with, "openai:tiny: the server at http://127.0.0.1:8000/v1". timeout: of a call.
    capacity: requests that wait while there are more to come.
    """

    def __init__(self, name: str, timeout: float, capacity: int, say: Callable[[str], None] = log) -> None:
        self._name, self._say = name, say
        self._many = min(IN_A_ROW, capacity)
        self._patience = SILENT_TIMEOUTS * timeout
        self._waiting: dict[str, Request] = {}
        self._has_answered = self._has_failed = False
        self._quiet_since = self._failing_since = 0.0
        self._in_a_row: set[object] = set()
        self._seen: Counter[str] = Counter()
        self._latest: deque[str] = deque(maxlen=LATEST)
        self._unsaid: Counter[str] = Counter()
        self._said_at: float | None = None

    @property
    def left(self) -> int:
        """Requests that may still fail in a row; 0 once the stage ends."""
        return 0 if self._has_failed else IN_A_ROW - len(self._in_a_row)

    def add(self, request: Request, now: float) -> None:
        """Take note of a request that waits for an answer from now on."""
        if not self._waiting:
            self._quiet_since = now
        self._waiting[request.key] = request

    def remove(self, request: Request, failure: str | None) -> None:
        """Take note that a request waits no more. failure: why it has no answer, '' if it has one.

        None: it says nothing of the servers. Raises ServerFailed if most of the latest have failed.
        """
        self._waiting.pop(request.key, None)
        if failure is None:
            return
        self._latest.append(failure)
        failed = Counter(filter(None, self._latest))
        if failed.total() >= ceil(FAILED_SHARE * LATEST):
            said = f"{failed.total()} of the last {len(self._latest)} requests failed"
            raise self._failed(said, request.purpose, failed)

    def note_answer(self, now: float) -> None:
        """Take note of an answer."""
        self._has_answered = True
        self._quiet_since = now
        self._in_a_row.clear()
        self._seen.clear()

    def note_failure(self, request: Request, cause: str, began: float, now: float, final: bool) -> None:
        """Take note of a call that came to nothing. began: when it was sent.

        final: another try would not do better. Raises ServerFailed after too many in a row.
        """
        cause = cause[:LONGEST_CAUSE]
        self._say_failure(cause, now)
        if not self._in_a_row:
            self._failing_since = now
        self._seen[cause] += 1
        if final:
            self._in_a_row.add(object())
        elif not (self._has_answered and self._in_a_row and began < self._failing_since):
            self._in_a_row.add(request.key)
        if len(self._in_a_row) >= IN_A_ROW:
            said = f"none of the last {IN_A_ROW} requests was answered"
            raise self._failed(said, request.purpose, self._seen)

    def look(self, now: float) -> str:
        """Say once in a while that nothing comes; why all that waits is to be given up, '' if it is not.

        Raises ServerFailed if nothing has come for too long and much waits.
        """
        if not self._waiting:
            return ""
        quiet = now - self._quiet_since
        purpose = next(iter(self._waiting.values())).purpose
        said = f"nothing was answered for {duration(quiet)}"
        if quiet >= self._patience:
            if len(self._waiting) >= self._many:
                raise self._failed(said, purpose, self._seen)
            self._quiet_since = now
            return said
        if quiet >= LINE_SECONDS and now - max(self._said_at or 0.0, self._quiet_since) >= LINE_SECONDS:
            self._say_line(said, now)
        return ""

    def _say_failure(self, cause: str, now: float) -> None:
        self._unsaid[cause] += 1
        if self._said_at is None:
            self._unsaid.clear()
            self._said_at = now
            self._say(f"{self._name}: a call failed: {cause}")
        elif now - self._said_at >= LINE_SECONDS:
            since = duration(now - self._said_at)
            self._say_line(f"{self._unsaid.total():,} calls failed in the last {since}", now)

    def _say_line(self, what: str, now: float) -> None:
        causes = f": {commonest(self._unsaid)}" if self._unsaid else ""
        self._unsaid.clear()
        self._said_at = now
        self._say(f"{self._name}: {what}{causes}")

    def _failed(self, what: str, purpose: str, causes: Counter[str]) -> ServerFailed:
        self._has_failed = True
        return ServerFailed(
            f"{self._name}: {what} (of purpose '{purpose}'): {commonest(causes)}\n"
            "replies that came before are kept: once it answers, run again, and only what is missing is asked"
        )


def commonest(causes: Counter[str]) -> str:
    """Name the commonest causes with their counts: "429 slow down (7), no reply within 5 s (2)"."""
    ranked = sorted(causes.items(), key=lambda each: (-each[1], each[0]))
    shown = [f"{cause} ({count:,})" for cause, count in ranked[:CAUSES]] or ["no call has ended"]
    return ", ".join([*shown, *(["…"] if len(ranked) > CAUSES else [])])
