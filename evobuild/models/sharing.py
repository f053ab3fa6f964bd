"""One running engine for all roles of a process that name the same model: it is loaded once.

    engines = Engines()
    with Model(evolver, engines=engines) as one, Model(judge, engines=engines) as other:
        ...

Each role has its own end of the engine, and a reply waits at the end of whoever asked. It takes no
place in the engine meanwhile, and no end holds more than the engine's capacity.

Two models whose shares of their device are together above 1 take turns on it. What is asked of the one that
is away waits; once nothing else can be had, the other answers what it has in flight, and leaves.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from evobuild.core.chat import Reply, Request
from evobuild.core.uri import ChatModel
from evobuild.models import placement
from evobuild.models.engine import Engine, Pausing


class Engines:
    """The running engines of a process, by model."""

    def __init__(self) -> None:
        self._running: dict[ChatModel, _Running] = {}

    def start(self, model: ChatModel) -> End:
        """Give an end of the model's engine; starts it if none is running. Raises as `start_engine`."""
        running = self._running.get(model)
        if running is None or not running.ends:
            running = self._running[model] = _Running(model, self)
            running.take_turn()
        return End(running)

    def make_room(self, wanted: _Running) -> None:
        """Send away, the longest loaded first, what leaves a model no room on its device."""
        loaded = [each for each in self._running.values() if each is not wanted and each.is_loaded]
        while loaded and wanted.share + sum(each.share for each in loaded) > 1:
            loaded.pop(0).leave()


class _Running:
    """A model, its engine, there or away, and its open ends, by number."""

    def __init__(self, model: ChatModel, engines: Engines) -> None:
        self._model, self._engines = model, engines
        self._engine: Engine | None = None
        self._is_paused = False
        self._waiting: deque[Request] = deque()
        self._share: float | None = None
        self.ends: dict[str, End] = {}
        self.capacity = self.opened = self.in_flight = 0

    @property
    def is_loaded(self) -> bool:
        return self._engine is not None and not self._is_paused

    @property
    def share(self) -> float:
        """Its share of its device; asked for only where there is another model."""
        if self._share is None:
            self._share = placement.device_share(self._model)
        return self._share

    def take_turn(self) -> None:
        """Be loaded, with what was asked meanwhile. Raises as `start_engine`."""
        if not self.is_loaded:
            self._engines.make_room(self)
            if self._engine is None:
                self._engine = placement.start_engine(self._model)
                self.capacity = self._engine.capacity
            elif isinstance(self._engine, Pausing):
                self._engine.resume()
            self._is_paused = False
        while self._waiting and self.in_flight < self.capacity:
            self._there.submit(self._waiting.popleft())
            self.in_flight += 1

    def leave(self) -> None:
        """Answer what is in flight, and let another model have the device."""
        while self.in_flight:
            self._receive()
        self._is_paused = isinstance(self._engine, Pausing) and self._engine.pause()
        if not self._is_paused:
            self.close()

    def close(self) -> None:
        """Let the model go, if it is there."""
        if self._engine is not None:
            self._engine.close()
        self._engine = None

    def submit(self, request: Request) -> None:
        """Take one request, once there is room; of a model that is away it waits for its turn."""
        while self.is_loaded and self.in_flight >= self.capacity:
            self.distribute()
        self._waiting.append(request)
        if self.is_loaded:
            self.take_turn()

    def distribute(self) -> None:
        """Wait for replies and lay each at the end that asked; those of a closed end are dropped."""
        self.take_turn()
        self._receive()

    def _receive(self) -> None:
        replies = self._there.collect()
        self.in_flight -= len(replies)
        for reply in replies:
            number, _, key = reply.key.partition(" ")
            if end := self.ends.get(number):
                end.arrived.append(replace(reply, key=key))

    @property
    def _there(self) -> Engine:
        assert self._engine is not None, "a model that is away is asked nothing"
        return self._engine


class End:
    """An engine as one role sees it; the last end that is closed lets the model go."""

    def __init__(self, running: _Running) -> None:
        self.capacity = running.capacity
        self.arrived: list[Reply] = []
        self._running = running
        # Two roles may ask the same under the same key.
        self._number = str(running.opened)
        running.opened += 1
        running.ends[self._number] = self

    def submit(self, request: Request) -> None:
        """Take one request, once the engine has room beside what the other roles asked."""
        self._running.submit(replace(request, key=f"{self._number} {request.key}"))

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
            self._running.close()
