"""Any server that speaks OpenAI's chat protocol (vLLM, Ollama, llama.cpp, hosted) behind the chat client.

The calls run on an event loop in a thread of its own, so that the network never waits for the stage.
A failure is a reply with an error; what no retry and no other request can get past is a UserError.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Coroutine
from contextlib import ExitStack
from queue import SimpleQueue
from typing import Any

from evobuild.core import machine
from evobuild.core.chat import Reply, Request
from evobuild.core.uri import ChatModel
from evobuild.models.openai_servers import Servers


class OpenAIEngine:
    """Requests to the servers of a model. Raises UserError if none can be reached or takes the key.

    capacity: twice the calls in flight, so that none waits for the client while replies are stored or a
    request pauses before its next try.
    """

    @staticmethod
    def identity(model: ChatModel) -> str:
        """Name the model as its server does. Where the server is does not count."""
        return str(model)

    def __init__(self, model: ChatModel, settings: machine.Machine | None = None) -> None:
        options = (settings or machine.load_machine()).openai
        self._servers = Servers(model, options)
        self.capacity = self._servers.capacity
        self._submitted: deque[Request] = deque()
        self._finished: SimpleQueue[list[Reply | BaseException]] = SimpleQueue()
        self._batch: list[Reply | BaseException] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._failure: BaseException | None = None
        self._woken = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=str(model), daemon=True)
        self._thread.start()
        with ExitStack() as unless_open:
            unless_open.callback(self.close)
            asyncio.run_coroutine_threadsafe(self._servers.open(), self._loop).result()
            self._loop.call_soon_threadsafe(self._begin, self._servers.watch())
            unless_open.pop_all()

    def submit(self, request: Request) -> None:
        """Take one request."""
        self._submitted.append(request)
        # One wake for all that comes before the loop gets to it; `_take` clears the mark before it looks.
        if not self._woken:
            self._woken = True
            self._loop.call_soon_threadsafe(self._take)

    def collect(self) -> list[Reply]:
        """Wait for replies. Raises UserError once no request can be answered, after what had arrived."""
        if self._failure is not None:
            raise self._failure
        finished = self._finished.get()
        while not self._finished.empty():
            finished += self._finished.get()
        replies = [each for each in finished if isinstance(each, Reply)]
        self._failure = next((each for each in finished if isinstance(each, BaseException)), None)
        if self._failure is not None and not replies:
            raise self._failure
        return replies

    def close(self) -> None:
        """Drop what is in flight and the connections."""
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _take(self) -> None:
        self._woken = False
        while self._submitted:
            self._begin(self._servers.reply(self._submitted.popleft()))

    def _begin(self, work: Coroutine[Any, Any, Any]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        self._batch.append(task.exception() or task.result())
        # What finishes in the same turn of the loop is handed over at once: each wake costs both threads.
        if len(self._batch) == 1:
            self._loop.call_soon(self._hand_over)

    def _hand_over(self) -> None:
        self._finished.put(self._batch)
        self._batch = []

    async def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._servers.close()
