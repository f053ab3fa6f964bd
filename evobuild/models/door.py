"""One door to every chat model: requests in, replies out, each paid for once.

    with Model(params.models.evolver) as model:
        for reply in model.generate(requests):
            ...

`generate` takes an iterator and gives one: at a million rows only the requests in flight are held.
Replies come in any order and are joined by key. A stored reply never starts an engine; the same
question under two keys is asked once. A failed request is a reply with an `error`, never an
exception: one bad row does not harm another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from types import TracebackType
from typing import Self

from evobuild.models import engine as engines
from evobuild.models import store as stores
from evobuild.models.request import Reply, Request
from evobuild.models.usage import Usage
from evobuild.uri import ChatModel

CHUNK = 500
"""Requests looked up in the store at once; below SQLite's limit of variables."""


class Model:
    """A chat model behind the reply store; the engine starts at the first reply that is not stored."""

    def __init__(self, model: ChatModel) -> None:
        self.model = model
        self.usage = Usage(str(model))
        self._store = stores.Store(stores.path(), engines.identity(model))
        self._engine: engines.Engine | None = None

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """Ask each request once and give its reply, by key, in any order.

        Raises UserError if the engine cannot start or the store cannot be used.
        """
        waiting: dict[stores.Key, list[Request]] = {}
        incoming = iter(requests)
        while chunk := list(islice(incoming, CHUNK)):
            asked: dict[stores.Key, list[Request]] = {}
            for request in chunk:
                asked.setdefault(self._store.key(request), []).append(request)
            stored = self._store.get(list(asked))
            # Before anything is awaited below, after which these would look as if never asked.
            for key in waiting.keys() & asked.keys():
                waiting[key] += asked.pop(key)
            for key, same in asked.items():
                if reply := stored.get(key):
                    for request in same:
                        yield self._counted(request, reply)
                else:
                    while len(waiting) >= self._started().capacity:
                        yield from self._finished(waiting)
                    waiting[key] = same
                    self._started().submit(replace(same[0], key=key.hex()))
        while waiting:
            yield from self._finished(waiting)
        self._store.flush()

    def _finished(self, waiting: dict[stores.Key, list[Request]]) -> Iterator[Reply]:
        with self.usage.clock():
            replies = self._started().collect()
        # All are kept before the first is given away: the consumer may never come back.
        for reply in replies:
            if reply.error is None:
                self._store.put(bytes.fromhex(reply.key), reply)
        for reply in replies:
            key = bytes.fromhex(reply.key)
            first, *others = waiting.pop(key)
            yield self._counted(first, reply)
            for request in others:
                yield self._counted(request, replace(reply, cached=reply.error is None))

    def _counted(self, request: Request, reply: Reply) -> Reply:
        self.usage.count(request.purpose, reply)
        return replace(reply, key=request.key)

    def _started(self) -> engines.Engine:
        if self._engine is None:
            with self.usage.clock():
                self._engine = engines.start(self.model)
        return self._engine

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._store.__exit__(kind, error, trace)
        finally:
            if self._engine is not None:
                self._engine.close()
