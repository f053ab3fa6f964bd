"""Share one running engine between all roles of a process that name the same model: it is loaded once.

    engines = Engines()
    with Model(evolver, engines=engines) as one, Model(judge, engines=engines) as other:
        ...

Each role has a handle of the engine. A finished reply waits at the handle that submitted its request, where
it takes no room in the engine, so that no role blocks another.

Two models whose shares of their device are together above 1 take turns on it. Requests to the absent one
wait. Once no other reply can be had, the loaded one finishes its requests in flight and leaves.
"""

from __future__ import annotations

from collections import deque

from evobuild.core.chat import Reply, Request
from evobuild.core.uri import ChatModel
from evobuild.models import placement
from evobuild.models.engine import Engine, Pausing


class Engines:
    """The running engines of a process, by model."""

    def __init__(self) -> None:
        self._running: dict[ChatModel, _Running] = {}

    def start(self, model: ChatModel) -> EngineHandle:
        """Give a handle of the model's engine; start it if none is running. Raises as `start_engine`."""
        running = self._running.get(model)
        if running is None or not running.handles:
            running = self._running[model] = _Running(model, self)
            running.load()
        return EngineHandle(running)

    def make_room(self, wanted: _Running) -> None:
        """Unload models, the longest loaded first, until a model has room on its device."""
        loaded = [each for each in self._running.values() if each is not wanted and each.is_loaded]
        while loaded and wanted.share + sum(each.share for each in loaded) > 1:
            loaded.pop(0).unload()


class _Running:
    """A model, its engine, loaded or not, and its open handles."""

    def __init__(self, model: ChatModel, engines: Engines) -> None:
        self._model, self._engines = model, engines
        self._engine: Engine | None = None
        self._is_paused = False
        self._waiting: deque[Request] = deque()
        self._share: float | None = None
        # By the request's key, which the chat client makes unique in this process.
        self._unanswered: dict[str, EngineHandle] = {}
        self.handles: set[EngineHandle] = set()
        self.capacity = 0

    @property
    def is_loaded(self) -> bool:
        return self._engine is not None and not self._is_paused

    @property
    def share(self) -> float:
        """Its share of its device; computed only if there is another model."""
        if self._share is None:
            self._share = placement.device_share(self._model)
        return self._share

    def load(self) -> None:
        """Load or resume the engine, and submit waiting requests. Raises as `start_engine`."""
        if not self.is_loaded:
            self._engines.make_room(self)
            if self._engine is None:
                self._engine = placement.start_engine(self._model)
                self.capacity = self._engine.capacity
            elif isinstance(self._engine, Pausing):
                self._engine.resume()
            self._is_paused = False
        while self._waiting and self._in_flight < self.capacity:
            self._loaded.submit(self._waiting.popleft())

    def unload(self) -> None:
        """Finish the requests in flight, then leave the device to another model."""
        while self._in_flight:
            self._receive()
        self._is_paused = isinstance(self._engine, Pausing) and self._engine.pause()
        if not self._is_paused:
            self.close()

    def close(self) -> None:
        """Close the engine, if it runs."""
        if self._engine is not None:
            self._engine.close()
        self._engine = None

    def submit(self, request: Request, handle: EngineHandle) -> None:
        """Submit a request, once there is room; to a model that is not loaded it waits."""
        while self.is_loaded and self._in_flight >= self.capacity:
            self.distribute()
        if self.is_loaded:
            self._loaded.submit(request)
        else:
            self._waiting.append(request)
        self._unanswered[request.key] = handle

    def distribute(self) -> None:
        """Wait for replies and add each to the handle that submitted its request."""
        self.load()
        self._receive()

    def _receive(self) -> None:
        for reply in self._loaded.collect():
            self._unanswered.pop(reply.key).arrived.append(reply)

    @property
    def _in_flight(self) -> int:
        """Requests that the engine has."""
        return len(self._unanswered) - len(self._waiting)

    @property
    def _loaded(self) -> Engine:
        assert self._engine is not None, "only a loaded engine gets requests"
        return self._engine


class EngineHandle:
    """An engine as one role sees it; the last handle that is closed closes the engine."""

    def __init__(self, running: _Running) -> None:
        self.capacity = running.capacity
        self.arrived: list[Reply] = []
        self._running = running
        running.handles.add(self)

    def submit(self, request: Request) -> None:
        """Submit a request, once the engine has room beside those of other roles."""
        self._running.submit(request, self)

    def collect(self) -> list[Reply]:
        """Wait for replies to this role. Raises as the engine's own."""
        while not self.arrived:
            self._running.distribute()
        arrived, self.arrived = self.arrived, []
        return arrived

    def close(self) -> None:
        """Leave the engine; replies to what this role has in flight are dropped."""
        self._running.handles.discard(self)
        if not self._running.handles:
            self._running.close()
