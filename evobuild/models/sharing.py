"""One running engine for all roles of a process that name the same model: it is loaded once.

    engines = Engines()
    with Model(evolver, engines=engines) as one, Model(judge, engines=engines) as other:
        ...

Each role has its own end of the engine, and a reply waits at the end of whoever asked. It takes no
place in the engine meanwhile, and no end holds more than the engine's capacity.
"""

from __future__ import annotations

from dataclasses import replace

from evobuild.core.chat import Reply, Request
from evobuild.core.uri import ChatModel
from evobuild.models import engine


class Engines:
    """The running engines of a process, by model."""

    def __init__(self) -> None:
        self._running: dict[ChatModel, _Running] = {}

    def start(self, model: ChatModel) -> End:
        """Give an end of the model's engine; starts it if none is running. Raises as `engine.start`."""
        running = self._running.get(model)
        if running is None or not running.ends:
            running = self._running[model] = _Running(engine.start_engine(model))
        return End(running)


class _Running:
    """An engine and its open ends, by number."""

    def __init__(self, started: engine.Engine) -> None:
        self.engine = started
        self.ends: dict[str, End] = {}
        self.opened = self.in_flight = 0

    def distribute(self) -> None:
        """Wait for replies and lay each at the end that asked; those of a closed end are dropped."""
        replies = self.engine.collect()
        self.in_flight -= len(replies)
        for reply in replies:
            number, _, key = reply.key.partition(" ")
            if end := self.ends.get(number):
                end.arrived.append(replace(reply, key=key))


class End:
    """An engine as one role sees it; the last end that is closed lets the model go."""

    def __init__(self, running: _Running) -> None:
        self.capacity = running.engine.capacity
        self.arrived: list[Reply] = []
        self._running = running
        # Two roles may ask the same under the same key.
        self._number = str(running.opened)
        running.opened += 1
        running.ends[self._number] = self

    def submit(self, request: Request) -> None:
        """Take one request, once the engine has room beside what the other roles asked."""
        while self._running.in_flight >= self.capacity:
            self._running.distribute()
        self._running.engine.submit(replace(request, key=f"{self._number} {request.key}"))
        self._running.in_flight += 1

    def collect(self) -> list[Reply]:
        """Wait for replies to this role. Raises as the engine's own."""
        while not self.arrived:
            self._running.distribute()
        arrived, self.arrived = self.arrived, []
        return arrived

    def close(self) -> None:
        """Leave the engine; what this role has in flight ends unheard."""
        del self._running.ends[self._number]
        if not self._running.ends:
            self._running.engine.close()
