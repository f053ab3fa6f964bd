"""A server that speaks OpenAI's chat protocol, asked once at a time; `openai_servers` tries again.

Every call has a time limit. What may pass is a Retry: 408, 409, 429, 5xx, lost connections, timeouts, replies
that are not whole; a prompt that the server will not take is another Failure. A wrong key or an unknown model
is a UserError; of a server that has answered before it is a Retry, until `openai_watch` has seen enough.

The key goes into one HTTP header and nowhere else: whatever the server says is searched for it here, where
its words come in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import aiohttp
from pydantic_core import from_json

from evobuild.core.chat import Choice, Request
from evobuild.core.errors import UserError
from evobuild.core.machine import OpenAI
from evobuild.core.uri import ChatModel
from evobuild.models.openai_call import Call
from evobuild.models.openai_failures import (
    DETAIL,
    Failure,
    Misaddressed,
    Rejected,
    Retry,
    Unable,
    Unsupported,
)
from evobuild.models.openai_protocol import Answer, read_answer, same_model
from evobuild.models.openai_transport import BASE_URL_SET, Transport
from evobuild.models.openai_watch import Watch
from evobuild.models.rate_limit import RateLimit
from evobuild.models.redaction import Redaction
from evobuild.models.usage import NO_BUDGET
from evobuild.process.terminal import log

PROBE_SECONDS = 10.0
"""For the first call, which only asks what there is."""

SHORTEST_KEY = 4
"""Characters of a key that is hidden in errors; in replies a short one would be a word like others."""


class GivenUp(Exception):
    """There is no reply to a request now; in another run there may be."""


class Server:
    """One model of one server. Made and used on an event loop's thread; `open` comes first.

    lengths: the models that the server lists, with their contexts in tokens, 0 where it does not tell.
    watch: what takes note of all calls to the model. in_flight: requests that wait for it.
    """

    def __init__(self, model: ChatModel, options: OpenAI, url: str, watch: Watch) -> None:
        self._model = model
        self._longest_wait = options.timeout
        self._transport = Transport(options, url)
        self._in_replies = Redaction(self._transport.secrets)
        self._in_errors = Redaction(self._transport.secrets, SHORTEST_KEY)
        self._watch = watch
        self._rate_limit = RateLimit(options.concurrency, lambda: watch.left)
        self._length_field = "max_tokens"
        self._at_openai = self._transport.at_openai
        self._answered = self._was_whole = False
        self.in_flight = 0
        self._told: set[str] = set()
        self.lengths: dict[str, int] = {}

    @property
    def url(self) -> str:
        """Where it is."""
        return self._transport.url

    async def open(self) -> None:
        """Reach the server. Raises UserError if nothing answers, the key is refused or it does not fit."""
        await self._transport.open()
        try:
            status, _, data = await self._transport.models(PROBE_SECONDS)
        except (TimeoutError, Retry):
            return
        except (aiohttp.ClientError, OSError) as error:
            raise self.explained(f"does not answer: {error}; start it, or set {BASE_URL_SET}") from error
        if status == 401:
            raise self.explained("answered 401; check the key in $OPENAI_API_KEY")
        if status == 200:
            self.lengths = listed_models(data)
            self._check_fit()

    def _check_fit(self) -> None:
        # Some answer with the one model that they have, whatever the request calls it: llama.cpp does.
        if len(self.lengths) == 1 and not same_model(self._model.name, served := next(iter(self.lengths))):
            raise self.explained(f"serves only {served[:DETAIL]!r}; name that in params, or serve the other")
        length = self.lengths.get(self._model.name)
        if length and self._model.max_length and length != self._model.max_length:
            raise self.explained(
                f"has a context of {length} tokens, the role's max_length is {self._model.max_length}; "
                "make them equal"
            )

    async def close(self) -> None:
        """Let the connections go."""
        await self._transport.close()

    async def answer(self, request: Request, n: int, number: int, again: bool = False) -> Answer:
        """Ask once, for n choices from a number on. again: it has been asked before.

        Raises Retry if another try may do better, any other Failure if none will, GivenUp if the budget is
        spent, UserError if no request will be answered.
        """
        self.in_flight += 1
        call = Call(self._model.name, request, n, number, self._length_field, self._at_openai)
        try:
            async with self._rate_limit:
                answer = await self._sent(call, again)
        except Unsupported as error:
            if str(error) == "n":
                return await self.answer(request, 1, number, again)
            self._length_field = "max_completion_tokens"
            return await self.answer(request, n, number, again)
        except Failure as error:
            discard(request, error.tokens)
            raise
        finally:
            self.in_flight -= 1
        self._answered = True
        return self._taken(answer)

    async def _sent(self, call: Call, again: bool) -> Answer:
        """Send a call and read its answer; its outcome adapts how many calls are sent at once."""
        if call.request.meter and not call.request.meter.send():
            raise GivenUp(NO_BUDGET)
        clock = asyncio.get_running_loop().time
        began = clock()
        is_full = is_late = False
        try:
            status, headers, data = await self._transport.post(call.path, call.body(), call.most_bytes, again)
            is_full = status in (429, 503)
            answer = read_answer(call, status, headers, data)
        except Unsupported:
            raise
        except Failure as error:
            error.args = (self._in_errors.shown(str(error)),)
            is_late = isinstance(error.__cause__, TimeoutError)
            self._note_failure(call.request, error, began)
            raise
        except UserError as error:
            if not self._answered:
                self._rate_limit.note_failure(began, rests=True)
                raise self.explained(str(error)) from error
            failure = Misaddressed(self._in_errors.shown(str(error)))
            self._note_failure(call.request, failure, began)
            raise failure from error
        finally:
            self._rate_limit.count(is_full, is_late)
        if fault := useless(call.request, answer.choices, self._was_whole):
            self._note_failure(call.request, Rejected(fault), began)
        else:
            self._was_whole = True
            self._watch.note_answer(clock())
            self._rate_limit.note_answer()
        return replace(answer, fault=fault)

    def _note_failure(self, request: Request, error: Failure, began: float) -> None:
        if isinstance(error, Unable):
            return
        may_pass = isinstance(error, Retry)
        after = error.after if isinstance(error, Retry) else None
        self._rate_limit.note_failure(
            began, may_pass, after if (after or 0.0) <= self._longest_wait else None
        )
        cause = error.cause if isinstance(error, Retry) else str(error)
        is_final = not may_pass or isinstance(error, Misaddressed)
        self._watch.note_failure(request, cause, began, asyncio.get_running_loop().time(), is_final)

    def _taken(self, answer: Answer) -> Answer:
        """Hide the key in an answer, wherever it is."""
        if not answer.counted:
            self._tell("does not say how many tokens it uses, or says what cannot be; they are estimated")
        choices = tuple(
            replace(
                each,
                text=self._in_replies.hidden(each.text),
                reasoning=self._in_replies.hidden(each.reasoning),
            )
            for each in answer.choices
        )
        if choices != answer.choices:
            self._tell("repeats a part of the key, which is hidden in its replies")
        return replace(answer, choices=choices)

    def _tell(self, what: str) -> None:
        if what not in self._told:
            self._told.add(what)
            log(f"{self._model} {what}")

    def explained(self, what: str) -> UserError:
        """Say what is wrong with it, without the key."""
        return UserError(self._in_errors.shown(f"{self._model}: the server at {self._transport.url} {what}"))


def useless(request: Request, choices: Sequence[Choice], was_whole: bool) -> str:
    """Name what makes an answer of no use, '' if nothing: all of it is empty or cut off.

    was_whole: there was an answer that was neither. A model that can end its replies may be cut off in long
    ones. In an evaluation whatever a model says counts.
    """
    if request.purpose == "evaluate" or request.continuation is not None:
        return ""
    if not any(choice.text.strip() for choice in choices):
        return "an empty reply"
    if not was_whole and all(choice.finish == "length" for choice in choices):
        return f"a reply cut off at {request.sampling.max_tokens:,} tokens"
    return ""


def discard(request: Request, tokens: tuple[int, int]) -> None:
    if request.meter:
        request.meter.discard(*tokens)


def listed_models(data: bytes) -> dict[str, int]:
    """Read the models that a server lists, each with its context in tokens, 0 if unknown; vLLM reports it."""
    try:
        listed = {str(each["id"]): each.get("max_model_len") for each in from_json(data)["data"]}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
    return {name: length if type(length) is int and length > 0 else 0 for name, length in listed.items()}
