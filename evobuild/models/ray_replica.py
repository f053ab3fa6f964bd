"""What runs in one of Ray's workers: an engine, fed and emptied by the stage that started it."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

from evobuild.core.chat import Reply, Request
from evobuild.core.machine import Machine
from evobuild.core.uri import ChatModel
from evobuild.models import registry
from evobuild.models.engine import Engine
from evobuild.process.version import __version__

AHEAD = 2
"""Calls of `collect` that wait at once."""
CALLS = AHEAD + 1


class Started(NamedTuple):
    """An engine that runs: what decides its replies, and how many requests it takes."""

    identity: str
    version: str
    capacity: int


class Replica:
    """An engine on one thread, to which its device may belong; calls come on several, CALLS at most at once.

    Half of what is in flight is in the engine, and half waits here, so that the engine never waits for the
    stage. A stage calls `collect` once more before the first call has ended, for the same reason.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._submitted: SimpleQueue[list[Request]] = SimpleQueue()
        self._waiting: list[Request] = []
        self._engine: Engine
        self._room = self._inside = 0

    def place(self) -> int:
        """Answer, with the number of the process: there is one."""
        return os.getpid()

    def start(self, model: ChatModel, settings: Machine, folder: str) -> Started:
        """Load the model. folder: the stage's, which relative paths begin from where this node has it, too.

        Raises UserError if it cannot be loaded.
        """
        if Path(folder).is_dir():
            os.chdir(folder)
        return self._thread.submit(self._load, model, settings).result()

    def _load(self, model: ChatModel, settings: Machine) -> Started:
        self._engine = registry.start_here(model, settings)
        self._room = max(1, self._engine.capacity // 2)
        return Started(registry.engine_identity(model), __version__, self._engine.capacity)

    def submit(self, requests: list[Request]) -> None:
        """Take requests."""
        self._submitted.put(requests)

    def collect(self) -> list[Reply]:
        """Wait for replies. Raises as the engine, which gives none after that."""
        return self._thread.submit(self._answer).result()

    def _answer(self) -> list[Reply]:
        while not (self._inside or self._waiting) or not self._submitted.empty():
            self._waiting += self._submitted.get()
        room = self._room - self._inside
        entering, self._waiting = self._waiting[:room], self._waiting[room:]
        for request in entering:
            self._engine.submit(request)
        self._inside += len(entering)
        replies = self._engine.collect()
        self._inside -= len(replies)
        return replies
