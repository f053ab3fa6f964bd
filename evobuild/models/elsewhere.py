"""Requests whose replies another process is asking for now: looked for in the reply cache now and then."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from evobuild.core.cache_file import Key
from evobuild.core.chat import Request

LOOK_SECONDS = 0.1
PATIENCE = 300.0
"""Seconds after which they are asked for here, too: the other may be stopped, or wait for this one."""


class Elsewhere:
    """What waits for other processes, by key."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.waiting: dict[Key, list[Request]] = {}
        self._since: dict[Key, float] = {}
        self._clock, self._sleep = clock, sleep
        self._looked = clock()

    def add(self, key: Key, same: list[Request]) -> None:
        """Wait for a reply to requests that ask the same."""
        self.waiting[key] = same
        self._since.setdefault(key, self._clock())

    def pause(self) -> None:
        """Wait until it is time to look again."""
        self._sleep(max(0.0, self._looked + LOOK_SECONDS - self._clock()))

    def due(self) -> Iterator[tuple[dict[Key, list[Request]], bool]]:
        """Give what is to be looked for now, and whether it has waited for too long; it waits no more."""
        now = self._clock()
        if now < self._looked + LOOK_SECONDS:
            return
        self._looked = now
        waiting, self.waiting = self.waiting, {}
        late = {key for key in waiting if now - self._since[key] >= PATIENCE}
        for is_late in (False, True):
            if some := {key: same for key, same in waiting.items() if (key in late) is is_late}:
                yield some, is_late
        self._since = {key: since for key, since in self._since.items() if key in self.waiting}
