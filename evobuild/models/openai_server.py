"""A server that speaks OpenAI's chat protocol, asked until it answers or cannot.

Every call has a time limit and is repeated a bounded number of times for what may pass: 408, 409, 429,
5xx, lost connections, timeouts, replies that are not whole. A wrong key, an unknown model or a server
that is gone is a UserError; a prompt that the server will not take is a reply with an error.
The key goes into one HTTP header and nowhere else.
"""

from __future__ import annotations

import asyncio
import json
import os
import urllib.request
from collections.abc import Mapping
from urllib.parse import urlsplit

import aiohttp

from evobuild.core.chat import Reply, Request
from evobuild.core.errors import UserError
from evobuild.core.machine import OpenAI
from evobuild.core.terminal import log
from evobuild.core.uri import ChatModel
from evobuild.models.openai_protocol import (
    DETAIL,
    Answer,
    Call,
    Rejected,
    Retry,
    Unsupported,
    read_answer,
    same_model,
)
from evobuild.models.rate_limit import RateLimit, retry_wait

PUBLIC_URL = "https://api.openai.com/v1"

PROBE_SECONDS = 10.0
"""For the first call, which only asks what there is."""

LOST_IN_A_ROW = 20
"""Requests given up with none answered in between, from which on the server is taken to be gone."""


class Server:
    """One model of one server. Made and used on an event loop's thread; `open` comes first."""

    def __init__(self, model: ChatModel, options: OpenAI) -> None:
        self._model, self._options = model, options
        self._url = base_url(options)
        self._key = api_key()
        self._rate_limit = RateLimit(options.concurrency)
        self._session: aiohttp.ClientSession
        self._length_field = "max_tokens"
        self._at_openai = urlsplit(self._url).hostname == urlsplit(PUBLIC_URL).hostname
        self._repeats = self._told_uncounted = False
        self._lost = 0

    async def open(self) -> None:
        """Reach the server. Raises UserError if nothing answers, the key is refused or it does not fit."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=self._options.timeout),
            headers={"Content-Type": "application/json", "User-Agent": "evobuild"}
            | ({"Authorization": f"Bearer {self._key}"} if self._key else {}),
            cookie_jar=aiohttp.DummyCookieJar(),
            proxy=_proxy(self._url),
        )
        try:
            status, _, data = await self._get(f"{self._url}/models")
        except TimeoutError:
            return
        except (aiohttp.ClientError, OSError) as error:
            raise self._explained(f"does not answer: {error}; start it, or set the base URL") from error
        if status == 401:
            raise self._explained("answered 401; check the key in $OPENAI_API_KEY")
        if status == 200:
            self._check_fit(listed_models(data))

    def _check_fit(self, lengths: dict[str, int | None]) -> None:
        # Some answer with the one model that they have, whatever the request calls it: llama.cpp does.
        if len(lengths) == 1 and not same_model(self._model.name, served := next(iter(lengths))):
            raise self._explained(f"serves only {served[:DETAIL]!r}; name that in params, or serve the other")
        length = lengths.get(self._model.name)
        if length and self._model.max_length and length != self._model.max_length:
            raise self._explained(
                f"has a context of {length} tokens, the role's max_length is {self._model.max_length}; "
                "make them equal"
            )

    async def close(self) -> None:
        """Let the connections go."""
        await self._session.close()

    async def reply(self, request: Request) -> Reply:
        """Ask until there are the n choices wanted, or the request is lost.

        A server that refuses n, or gives fewer choices, is asked again for each, with the next seed; from
        then on every choice is asked for by itself. Raises UserError if no request can be answered.
        """
        sampling = request.sampling
        try:
            answers = [await self._answer(request, 1 if self._repeats else sampling.n, 0)]
            choices = answers[0].choices[: sampling.n]
            while len(choices) < sampling.n:
                self._repeats = True
                answers.append(await self._answer(request, 1, len(choices)))
                choices += answers[-1].choices[:1]
        except Rejected as error:
            return Reply(request.key, (), 0, str(error))
        return Reply(request.key, choices, sum(answer.prompt_tokens for answer in answers))

    async def _answer(self, request: Request, n: int, number: int) -> Answer:
        tries = self._options.retries + 1
        for attempt in range(tries):
            try:
                answer = await self._call(request, n, number)
            except Retry as error:
                patient = (error.after or 0.0) <= self._options.timeout
                if attempt + 1 == tries or not patient:
                    raise self._given_up(error, attempt + 1) from error
                await asyncio.sleep(retry_wait(attempt, error.after))
            except Rejected:
                self._lost = 0
                raise
            else:
                self._lost = 0
                self._tell_uncounted(answer)
                return answer
        raise AssertionError("the last try returns or raises")

    async def _call(self, request: Request, n: int, number: int) -> Answer:
        call = Call(self._model.name, request, n, number, self._length_field, self._at_openai)
        try:
            async with self._rate_limit:
                status, headers, data = await self._post(call.body())
            return read_answer(call, status, headers, data)
        except Unsupported as error:
            if error.field == "n":
                return await self._call(request, 1, number)
            self._length_field = "max_completion_tokens"
            return await self._call(request, n, number)
        except UserError as error:
            raise self._explained(str(error)) from error

    async def _post(self, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        refused = False
        try:
            async with self._session.post(
                f"{self._url}/chat/completions", data=body, allow_redirects=False
            ) as response:
                refused = response.status in (429, 503)
                return response.status, response.headers, self._without_key(response, await response.read())
        except TimeoutError as error:
            refused = True
            raise Retry(f"no reply within {self._options.timeout:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Retry(f"connection lost: {type(error).__name__}") from error
        finally:
            self._rate_limit.count(refused)

    async def _get(self, url: str) -> tuple[int, Mapping[str, str], bytes]:
        limit = aiohttp.ClientTimeout(total=min(PROBE_SECONDS, self._options.timeout))
        async with self._session.get(url, allow_redirects=False, timeout=limit) as response:
            return response.status, response.headers, await response.read()

    def _without_key(self, response: aiohttp.ClientResponse, data: bytes) -> bytes:
        if response.status == 200 or not self._key:
            return data
        return data.replace(self._key.encode(), b"***")

    def _given_up(self, error: Retry, tries: int) -> Exception:
        self._lost += 1
        if self._lost >= max(LOST_IN_A_ROW, self._options.concurrency):
            return self._explained(f"has answered none of the last {self._lost} requests: {error}")
        return Rejected(f"{error} (given up after {tries} tries)")

    def _tell_uncounted(self, answer: Answer) -> None:
        if not answer.counted and not self._told_uncounted:
            self._told_uncounted = True
            log(f"{self._model} does not say how many tokens it uses; they count as 0")

    def _explained(self, what: str) -> UserError:
        return UserError(f"{self._model}: the server at {self._url} {what}")


def base_url(options: OpenAI) -> str:
    """Where the server is: machine.yaml, else $OPENAI_BASE_URL, else OpenAI's own.

    Raises UserError if it is no http(s) URL, or holds a password.
    """
    url = (options.base_url or os.environ.get("OPENAI_BASE_URL") or PUBLIC_URL).strip().rstrip("/")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise UserError(
            f"openai: the base URL is {url.rpartition('@')[2]!r}; expected http(s)://<host>/v1 in "
            "machine.yaml's openai.base_url or in $OPENAI_BASE_URL"
        )
    if "@" in parts.netloc or parts.query:
        raise UserError(
            f"openai: the base URL of {parts.hostname} holds a user or a query; "
            "it should end in its path, and the key be in $OPENAI_API_KEY"
        )
    return url


def api_key() -> str:
    """The key in $OPENAI_API_KEY, '' without one. Raises UserError if no HTTP header can hold it."""
    found = os.environ.get("OPENAI_API_KEY", "").strip()
    if not (found.isascii() and found.isprintable()):
        raise UserError("openai: $OPENAI_API_KEY holds characters that no key has; set it again")
    return found


def _proxy(url: str) -> str | None:
    parts = urlsplit(url)
    if urllib.request.proxy_bypass(parts.hostname or ""):
        return None
    return urllib.request.getproxies().get(parts.scheme)


def listed_models(data: bytes) -> dict[str, int | None]:
    """The models that a server lists; of each, if it says so as vLLM's does, its context in tokens."""
    try:
        return {str(entry["id"]): entry.get("max_model_len") for entry in json.loads(data)["data"]}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
