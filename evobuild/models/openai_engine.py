"""Any server that speaks OpenAI's chat protocol (vLLM, Ollama, llama.cpp, hosted) behind the chat client.

The calls run on an event loop in a thread of its own, so that the network never waits for the stage.
A failure is a reply with an error; what no retry and no other request can get past is a UserError.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
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
        self._finished: SimpleQueue[Future[Any]] = SimpleQueue()
        self._failure: BaseException | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=str(model), daemon=True)
        self._thread.start()
        with ExitStack() as unless_open:
            unless_open.callback(self.close)
            asyncio.run_coroutine_threadsafe(self._servers.open(), self._loop).result()
            watching = asyncio.run_coroutine_threadsafe(self._servers.watch(), self._loop)
            watching.add_done_callback(self._finished.put)
            unless_open.pop_all()

    def submit(self, request: Request) -> None:
        """Send one request."""
        asked = asyncio.run_coroutine_threadsafe(self._servers.reply(request), self._loop)
        asked.add_done_callback(self._finished.put)

    def collect(self) -> list[Reply]:
        """Wait for replies. Raises UserError once no request can be answered, after what had arrived."""
        if self._failure is not None:
            raise self._failure
        finished = [self._finished.get()]
        while not self._finished.empty():
            finished.append(self._finished.get())
        replies = [each.result() for each in finished if each.exception() is None]
        self._failure = next(filter(None, (each.exception() for each in finished)), None)
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

    async def _stop(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._servers.close()
