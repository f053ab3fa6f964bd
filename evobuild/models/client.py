"""The chat client, the one way to every chat model: requests in, replies out, each paid for once.

    with Model(params.models.evolver) as model:
        for reply in model.generate(requests):
            ...

`generate` takes an iterator and gives one: at a million rows only the requests in flight are held.
Replies come in any order and are joined by key. A stored reply never starts an engine; the same question
under two keys is asked once, and what another process asks of the same cache is left to it. A failed request
is a reply with an `error`, never an exception: one bad row does not harm another. If another run may get a
reply to it, the `with` block ends in a UserError, when all else is kept: such a row is no reject. A reply's
text is the answer; a reasoning model's thoughts are in its field `reasoning`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from itertools import count, islice
from types import TracebackType
from typing import NamedTuple, Self

from evobuild.core import machine
from evobuild.core.cache_file import Key
from evobuild.core.chat import Reply, Request
from evobuild.core.errors import UserError
from evobuild.core.sqlite_cache import replies_file
from evobuild.core.uri import ChatModel
from evobuild.models import adapted, engine, placement, planning, reasoning, registry
from evobuild.models.elsewhere import Elsewhere
from evobuild.models.progress import Progress
from evobuild.models.reply_cache import Claimed, ReplyCache
from evobuild.models.sharing import Engines
from evobuild.models.usage import NO_BUDGET, RequestMeter, Usage

CHUNK = 500
"""Requests looked up in the reply cache at once; below SQLite's limit of variables."""

CLAIMED = 64
"""Requests that one transaction claims, so that builds that share the cache can share the work."""

HELD = 64
"""Replies of no use that wait for one of some; as many as end the stage if no other comes."""

_NUMBERS = count()
"""Engines know requests by these: two roles may ask the same of one engine, under one key of the cache."""

_interactive: ContextVar[bool] = ContextVar("interactive", default=False)


@contextmanager
def interactive() -> Iterator[None]:
    """Call models for a person who looks at the replies, not for a stage of a project.

    A row without a reply is a reject, whatever machine.yaml says, and progress is shown but not written.
    """
    token = _interactive.set(True)
    try:
        yield
    finally:
        _interactive.reset(token)


class _InFlight(NamedTuple):
    """A request that the engine has: its key in the cache, and what counts its calls."""

    key: Key
    meter: RequestMeter


class Model:
    """A chat model behind the reply cache; the engine starts at the first reply that is not stored.

    role and task (evolver, evolve-r1) name its usage and its progress; without a task there is no
    progress to show. total: number of requests to come, if it is known, for the progress. engines:
    what it shares a running engine with; without them the engine is its own.
    """

    def __init__(
        self,
        model: ChatModel,
        role: str = "",
        task: str = "",
        total: int | None = None,
        engines: Engines | None = None,
    ) -> None:
        self.model = model = adapted.with_base(model)
        self._start = engines.start if engines else placement.start_engine
        self._machine = machine.load_machine()
        price = self._machine.price(str(model))
        identity = registry.engine_identity(model)
        self.usage = Usage(str(model), role, price, self._machine.budget, identity)
        self._planned = planning.note_usage(self.usage)
        is_interactive = _interactive.get()
        shows = task and not self._planned
        self._progress = Progress(task, self.usage, total, not is_interactive) if shows else None
        self._cache = ReplyCache(replies_file(), identity)
        self._engine: engine.Engine | None = None
        # By the name under which the engine has the request.
        self._in_flight: dict[str, _InFlight] = {}
        self._unanswered: dict[Key, str] = {}
        self._held: dict[Key, Reply] = {}
        self._fails = self._machine.openai.unanswered == "fail" and not is_interactive

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """Ask each request once and give its reply, by key, in any order.

        Raises UserError if the engine cannot start, the reply cache cannot be used or the budget is spent.
        """
        waiting: dict[Key, list[Request]] = {}
        elsewhere = Elsewhere()
        incoming = iter(requests)
        while chunk := list(islice(incoming, CHUNK)):
            asked: dict[Key, list[Request]] = {}
            for request in chunk:
                asked.setdefault(self._cache.key(request), []).append(request)
            stored = self._cache.get_replies(list(asked)) | self._held_of(asked)
            # Before anything is awaited below, after which these would look as if never asked.
            for pending in (waiting, elsewhere.waiting):
                for key in pending.keys() & asked.keys():
                    pending[key] += asked.pop(key)
            missing: dict[Key, list[Request]] = {}
            for key, same in asked.items():
                if reply := stored.get(key):
                    yield from self._given(same, reply)
                else:
                    missing[key] = same
            keys = list(missing)
            for start in range(0, len(keys), CLAIMED):
                some = {key: missing[key] for key in keys[start : start + CLAIMED]}
                yield from self._asked(some, waiting, elsewhere)
                while len(elsewhere.waiting) > CHUNK:
                    yield from self._await_any(waiting, elsewhere)
        while waiting or elsewhere.waiting:
            yield from self._await_any(waiting, elsewhere)
        self._keep_held()
        self._cache.flush()
        if NO_BUDGET in self._unanswered.values():
            self._refuse_spending()

    def _asked(
        self,
        missing: dict[Key, list[Request]],
        waiting: dict[Key, list[Request]],
        elsewhere: Elsewhere,
        force: bool = False,
    ) -> Iterator[Reply]:
        """Ask what nobody else asks; force: and what others do."""
        claimed = Claimed({}, frozenset()) if self._planned else self._cache.claim(list(missing), force)
        for key, same in missing.items():
            if reply := claimed.known.get(key):
                yield from self._given(same, reply)
            elif key in claimed.theirs:
                elsewhere.add(key, same)
            else:
                while len(waiting) >= self.started_engine().capacity:
                    yield from self._finished(waiting)
                yield from self._within_budget(waiting)
                self._submit(key, same[0])
                waiting[key] = same

    def _await_any(self, waiting: dict[Key, list[Request]], elsewhere: Elsewhere) -> Iterator[Reply]:
        """Wait for some replies, own ones or those that other processes ask for."""
        if waiting:
            yield from self._finished(waiting)
        elif elsewhere.waiting:
            # Others may wait for what is not on disk yet, while they have what is waited for here.
            self._keep_held()
            self._cache.flush()
            elsewhere.pause()
        for some, late in elsewhere.due():
            yield from self._asked(some, waiting, elsewhere, force=late)

    def _given(self, same: list[Request], reply: Reply) -> Iterator[Reply]:
        for request in same:
            yield self._counted(request, reply)

    def _submit(self, key: Key, request: Request) -> None:
        if self._planned:
            self.usage.written += request.sampling.max_tokens * request.sampling.n
        sent = _InFlight(key, self.usage.meter(request.purpose))
        name = str(next(_NUMBERS))
        self._in_flight[name] = sent
        self.started_engine().submit(
            replace(request, key=name, reasoning=self.model.reasoning, meter=sent.meter)
        )

    def _within_budget(self, waiting: dict[Key, list[Request]]) -> Iterator[Reply]:
        """Once the budget is spent, wait for what is in flight, and stop."""
        if self._planned or not self.usage.spent():
            return
        while waiting:
            yield from self._finished(waiting)
        self._refuse_spending()

    def _refuse_spending(self) -> None:
        if spent := self.usage.spent():
            raise UserError(
                f"the budget of machine.yaml is spent: {spent}; every reply is kept: "
                "raise budget and run again, nothing is asked twice"
            )

    def _finished(self, waiting: dict[Key, list[Request]]) -> Iterator[Reply]:
        with self.usage.clock():
            replies = self.started_engine().collect()
        # All are cached before the first is yielded: the consumer may never come back.
        finished: list[tuple[Key, Reply]] = []
        for reply in replies:
            key, meter = self._in_flight.pop(reply.key)
            finished.append((key, reply))
            meter.finish()
            self._unanswered.pop(key, None)
            if reply.passing and reply.error:
                self._unanswered[key] = reply.error
            if reply.error is not None:
                self._cache.release(key)
            elif not self._planned:
                self._keep(key, reply)
        self._cache.commit_if_due()
        for key, reply in finished:
            first, *others = waiting.pop(key)
            yield self._counted(first, reply)
            for request in others:
                yield self._counted(request, replace(reply, cached=reply.error is None))

    def _keep(self, key: Key, reply: Reply) -> None:
        """Put a reply into the cache; one of no use once another is of some, or once there are many.

        Those of a server that gives nothing else are not kept, for they would be all that it ever gave.
        """
        if reply.finish == "length" or not reply.text.strip():
            self._held[key] = reply
            if len(self._held) <= HELD:
                return
        else:
            self._cache.put_reply(key, reply)
            self.usage.put += 1
        self._keep_held()

    def _held_of(self, keys: Iterable[Key]) -> dict[Key, Reply]:
        return {key: replace(self._held[key], key="", cached=True) for key in keys if key in self._held}

    def _keep_held(self) -> None:
        for key, reply in self._held.items():
            self._cache.put_reply(key, reply)
        self.usage.put += len(self._held)
        self._held.clear()

    def _counted(self, request: Request, reply: Reply) -> Reply:
        self.usage.count(request.purpose, reply)
        if self._progress is not None:
            self._progress.show(request, reply)
            self._progress.step(reply.cached, reply.error is not None)
        return replace(reasoning.with_answer_alone(reply), key=request.key)

    def started_engine(self) -> engine.Engine:
        """Give the running engine; start it if it is not. Raises UserError if it cannot be."""
        if self._engine is None:
            with self.usage.clock():
                planned = self._planned and not self.model.simulated
                # How much a role is to think goes with each request, so that roles can share an engine.
                loaded = replace(self.model, reasoning="")
                self._engine = planning.PlanningEngine() if planned else self._start(loaded)
        return self._engine

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        fails = kind is None and self._lacks_replies
        try:
            if not isinstance(error, engine.ServerFailed):
                self._keep_held()
            self._cache.__exit__(kind, error, trace)
        finally:
            if self._progress is not None:
                self._progress.close(finished=kind is None and not fails)
            if self._engine is not None:
                self._engine.close()
        if fails:
            self.check_answered()

    @property
    def _lacks_replies(self) -> bool:
        return bool(self._unanswered) and self._fails

    def check_answered(self) -> None:
        """Raise UserError if a request got no reply that may get one in another run; the block ends with it.

        For a stage that would go on with other requests, which cost something, than it would have made.
        """
        if not self._lacks_replies:
            return
        reasons = Counter(self._unanswered.values())
        reason, _ = min(reasons.items(), key=lambda each: (-each[1], each[0]))
        lost = f"{len(self._unanswered):,} request{'s' * (len(self._unanswered) > 1)}"
        raise UserError(
            f"{self.model}: no reply came to {lost}, mostly: {reason}\nevery other reply is kept: run again; "
            "or set openai.unanswered: reject in machine.yaml, and these rows are lost"
        )
