"""The servers of one model: each request is asked until one of them answers, or none can.

Several are taken to be alike: a request goes to the one with the fewest in flight, and its reply is the
model's, whoever gave it. A server that fails rests, longer from failure to failure, while others are asked;
then it gets one request, and as many as any once it has answered. One alone has no rest: its requests wait.

What may pass is tried a bounded number of times. Once that is in vain the request is lost for now
(`Reply.passing`); a prompt that a server will not take is lost for good. `openai_watch` ends the stage if
nothing is answered any more.
"""

from __future__ import annotations

import asyncio
from typing import Any

from evobuild.core.chat import Reply, Request
from evobuild.core.errors import UserError
from evobuild.core.machine import OpenAI
from evobuild.core.uri import ChatModel
from evobuild.models.engine import ServerFailed
from evobuild.models.openai_completions import NO_TOKEN_IDS, needs_token_ids
from evobuild.models.openai_failures import Failure, NoLikelihoods, Retry, Unable
from evobuild.models.openai_protocol import Answer, same_model
from evobuild.models.openai_server import GivenUp, Server, discard
from evobuild.models.openai_transport import base_urls
from evobuild.models.openai_watch import Watch
from evobuild.models.rate_limit import retry_wait
from evobuild.models.usage import NO_BUDGET
from evobuild.process.terminal import log

SHOWN = 3
"""Servers that a line on all of them names."""

WATCH_SECONDS = (0.05, 1.0)
"""Between looks whether anything is answered: a tenth of the timeout, but so much at least and at most."""

LOOKS = (0.01, 0.5)
"""Seconds, the least and the most, between looks for a server while all of them rest or are tried."""


class _Health:
    """How a server does. failed: failures in a row, each of a call that began after the one before it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.failed = 0
        self.failed_at = self.rests_until = 0.0
        self.reason = ""

    def may_be_asked(self, now: float) -> bool:
        return not self.failed or (now >= self.rests_until and not self.server.in_flight)

    def note_failure(self, began: float, now: float, reason: str, after: float | None) -> None:
        self.reason = reason
        if not self.failed or began > self.failed_at:
            self.rests_until = now + retry_wait(self.failed, after)
            self.failed += 1
            self.failed_at = now


class Servers:
    """One model and its servers. Made and used on an event loop's thread; `open` comes first."""

    def __init__(self, model: ChatModel, options: OpenAI) -> None:
        self._model = model
        self._tries = options.retries + 1
        self._longest_wait = options.timeout
        self._look_seconds = min(max(options.timeout / 10, WATCH_SECONDS[0]), WATCH_SECONDS[1])
        urls = base_urls(options)
        shown = ", ".join(urls[:SHOWN]) + (", …" if len(urls) > SHOWN else "")
        servers = f"the server at {shown}" if len(urls) == 1 else f"the servers at {shown}"
        self.capacity = 2 * options.concurrency * len(urls)
        self._watch = Watch(f"{model}: {servers}", options.timeout, self.capacity)
        # What the last call of each request that waits came to, and why those are given up that are.
        self._tasks: dict[asyncio.Task[Any], str] = {}
        self._given_up: dict[asyncio.Task[Any], str] = {}
        self._all = [_Health(Server(model, options, url, self._watch)) for url in urls]
        self._asked = self._all
        self._repeats = False
        # Why no answers to chats are scored (True), or no raw texts (False).
        self._unscored: dict[bool, str] = {}

    async def open(self) -> None:
        """Reach the servers. Raises UserError if none can be used."""
        found = await asyncio.gather(*(each.server.open() for each in self._all), return_exceptions=True)
        for health, error in zip(self._all, found, strict=True):
            if isinstance(error, UserError) and len(self._all) > 1:
                self._leave_out(health, str(error))
            elif error is not None:
                raise error
        self._refuse_if_all_are_gone()
        holding = [each for each in self._all if _lists(each.server, self._model.name)]
        if holding:
            others = [each for each in self._all if each not in holding and each.server.lengths]
            self._asked = [each for each in self._all if each not in others]
            for each in others:
                log(f"{self._model}: the server at {each.server.url} has other models, and is not asked")

    async def close(self) -> None:
        """Let the connections go."""
        for each in self._all:
            await each.server.close()

    async def reply(self, request: Request) -> Reply:
        """Ask until there are the n choices wanted, or the request is lost.

        A server that refuses n, or gives fewer choices, is asked again for each, with the next seed; from
        then on every choice is asked for by itself. Raises UserError if no request can be answered.
        """
        is_scored = request.continuation is not None
        if is_scored and needs_token_ids(request):
            return Reply(request.key, (), 0, NO_TOKEN_IDS)
        if is_scored and (request.raw is None) in self._unscored:
            return Reply(request.key, (), 0, self._unscored[request.raw is None])
        self._watch.add(request, self._now)
        task = self._task
        self._tasks[task] = "no reply yet"
        failure: str | None
        try:
            answers = await self._answers(request)
            choices = tuple(choice for answer in answers for choice in answer.choices)
            reply = Reply(request.key, choices, sum(answer.prompt_tokens for answer in answers))
            failure = answers[-1].fault
        except (Failure, GivenUp) as error:
            reply = Reply(request.key, (), 0, str(error), passing=isinstance(error, GivenUp))
            failure = None if isinstance(error, Unable) or str(error) == NO_BUDGET else str(error)
            if isinstance(error, NoLikelihoods):
                self._unscored[request.raw is None] = str(error)
        except asyncio.CancelledError:
            if task not in self._given_up:
                raise
            task.uncancel()
            failure = f"{self._tasks[task]} (given up: {self._given_up.pop(task)})"
            reply = Reply(request.key, (), 0, failure, passing=True)
        finally:
            del self._tasks[task]
        self._watch.remove(request, failure)
        return reply

    async def watch(self) -> None:
        """Give up what waits for too long for any answer. Raises ServerFailed if that is much."""
        while True:
            await asyncio.sleep(self._look_seconds)
            if reason := self._watch.look(self._now):
                for task in self._tasks:
                    self._given_up[task] = reason
                    task.cancel()

    @property
    def _task(self) -> asyncio.Task[Any]:
        task = asyncio.current_task()
        assert task is not None, "called by tasks of the loop alone"
        return task

    @property
    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def _answers(self, request: Request) -> list[Answer]:
        """Ask until there are the n choices wanted."""
        wanted = 1 if request.continuation is not None else request.sampling.n
        answers: list[Answer] = []
        number = 0
        try:
            while number < wanted:
                self._repeats = self._repeats or number > 0
                answers.append(await self._answer(request, 1 if self._repeats else wanted, number))
                number += len(answers[-1].choices)
        except (Failure, GivenUp):
            for answer in answers:
                discard(request, answer.tokens)
            raise
        return answers

    async def _answer(self, request: Request, n: int, number: int) -> Answer:
        was_textless = False
        for attempt in range(self._tries):
            try:
                answer = await self._asked_once(request, n, number, attempt > 0)
            except Retry as error:
                self._tasks[self._task] = error.cause
                alone = len(self._asked) == 1
                patient = not alone or (error.after or 0.0) <= self._longest_wait
                if attempt + 1 == self._tries or not patient:
                    tries = f"{attempt + 1} {'try' if attempt == 0 else 'tries'}"
                    raise GivenUp(f"{error.cause} (given up after {tries})") from error
                if alone:
                    await asyncio.sleep(retry_wait(attempt, error.after))
                continue
            # It may be chance that there is no text; if it is not, no further try helps.
            if not answer.textless or was_textless or attempt + 1 == self._tries:
                return answer
            was_textless = True
            discard(request, answer.tokens)
        raise AssertionError("the last try returns or raises")

    async def _asked_once(self, request: Request, n: int, number: int, again: bool) -> Answer:
        """Ask whoever has the fewest in flight. Raises as `Server.answer`; one of several no UserError."""
        if len(self._asked) == 1:
            return await self._asked[0].server.answer(request, n, number, again)
        health = await self._chosen()
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            answer = await health.server.answer(request, n, number, again)
        except Retry as error:
            health.note_failure(began, clock(), str(error), error.after)
            if health.failed == self._tries:
                self._leave_out(health, str(error))
            raise
        except ServerFailed:
            raise
        except UserError as error:
            self._leave_out(health, str(error))
            raise Retry(str(error)) from error
        if health.failed >= self._tries:
            log(f"{self._model}: the server at {health.server.url} answers again")
        health.failed = 0
        return answer

    async def _chosen(self) -> _Health:
        clock = asyncio.get_running_loop().time
        while True:
            self._refuse_if_all_are_gone()
            if free := [each for each in self._asked if each.may_be_asked(clock())]:
                return min(free, key=lambda each: each.server.in_flight)
            rest = min(each.rests_until for each in self._asked) - clock()
            await asyncio.sleep(min(max(rest, LOOKS[0]), LOOKS[1]))

    def _leave_out(self, health: _Health, reason: str) -> None:
        """Ask others, but for a request now and then, until it answers."""
        said = reason.partition("\n")[0]
        log(f"{self._model}: the server at {health.server.url} is left out for now: {said}")
        now = asyncio.get_running_loop().time()
        health.failed, health.failed_at, health.reason = max(health.failed, self._tries), now, reason
        health.rests_until = now + retry_wait(health.failed, None)

    def _refuse_if_all_are_gone(self) -> None:
        if all(each.failed >= self._tries for each in self._asked):
            reasons = "; ".join(f"{each.server.url}: {each.reason}" for each in self._asked)
            raise ServerFailed(f"{self._model}: none of its {len(self._asked)} servers answers: {reasons}")


def _lists(server: Server, name: str) -> bool:
    return any(same_model(name, each) for each in server.lengths)
