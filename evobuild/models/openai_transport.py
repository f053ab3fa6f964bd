"""HTTP to one server of which nothing is taken on trust: where it is, the key, and answers of bounded size.

No redirect is followed, for the key is for this server only. No compressed body is asked for or read, so that
none takes more memory than it may have bytes. The time of a call includes its body's, however slowly it
drips. Long lines and many headers are aiohttp's to refuse.
"""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

import aiohttp

from evobuild.core.errors import UserError
from evobuild.core.machine import OpenAI
from evobuild.models.openai_failures import ERROR_BODY, Retry

PUBLIC_URL = "https://api.openai.com/v1"
BASE_URL_SET = "another base URL ($OPENAI_BASE_URL, or openai.base_url in machine.yaml)"

LIST_BODY = 1 << 23
"""Bytes of a list of models."""


class Answered(NamedTuple):
    """What came back for one HTTP request."""

    status: int
    headers: Mapping[str, str]
    data: bytes


class Transport:
    """Connections to a server. Made and used on an event loop's thread; `open` comes first."""

    def __init__(self, options: OpenAI, url: str) -> None:
        self.url = url
        self.key = api_key()
        self._proxy = _proxy(self.url)
        self._timeout = options.timeout
        self._session: aiohttp.ClientSession
        self._again: aiohttp.ClientSession

    @property
    def secrets(self) -> list[str]:
        """What nothing that is written may hold."""
        return list(filter(None, (self.key, self._proxy and urlsplit(self._proxy).password)))

    @property
    def at_openai(self) -> bool:
        """Whether the server is OpenAI's own."""
        return urlsplit(self.url).hostname == urlsplit(PUBLIC_URL).hostname

    async def open(self) -> None:
        """Get ready; nothing is sent."""
        self._session, self._again = self._opened(force_close=False), self._opened(force_close=True)

    def _opened(self, force_close: bool) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, force_close=force_close),
            timeout=aiohttp.ClientTimeout(total=self._timeout),
            headers={
                "Content-Type": "application/json",
                "User-Agent": "evobuild",
                "Accept-Encoding": "identity",
            }
            | ({"Authorization": f"Bearer {self.key}"} if self.key else {}),
            cookie_jar=aiohttp.DummyCookieJar(),
            proxy=self._proxy,
            auto_decompress=False,
        )

    async def close(self) -> None:
        """Let the connections go."""
        await self._session.close()
        await self._again.close()

    async def models(self, seconds: float) -> Answered:
        """Ask for the list of models. Raises TimeoutError, OSError, aiohttp's ClientError, or Retry."""
        limit = aiohttp.ClientTimeout(total=min(seconds, self._timeout))
        async with self._session.get(f"{self.url}/models", allow_redirects=False, timeout=limit) as response:
            return Answered(response.status, response.headers, await _body(response, LIST_BODY))

    async def post(self, path: str, body: bytes, most: int, again: bool = False) -> Answered:
        """Send a request. most: bytes of its answer. Raises Retry if none comes, or no whole one.

        again: by a connection of its own, for one kept open may have been closed by the server meanwhile.
        """
        session = self._again if again else self._session
        try:
            async with session.post(f"{self.url}{path}", data=body, allow_redirects=False) as response:
                return Answered(response.status, response.headers, await _body(response, most))
        except TimeoutError as error:
            raise Retry(f"no reply within {self._timeout:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Retry(f"connection lost: {type(error).__name__}") from error


async def _body(response: aiohttp.ClientResponse, most: int) -> bytes:
    """Read a body; of what is no reply only its beginning. Raises Retry if it is too long or compressed."""
    is_reply = response.status == 200
    data = bytearray()
    async for part in response.content.iter_any():
        data += part
        if len(data) > (most if is_reply else ERROR_BODY):
            break
    if not is_reply:
        return bytes(data[:ERROR_BODY])
    if len(data) > most:
        raise Retry(f"a reply of more than {most:,} bytes")
    if (encoding := response.headers.get("Content-Encoding", "identity").lower()) != "identity":
        raise Retry(f"a reply in the encoding {encoding[:50]!r}, which was not asked for")
    return bytes(data)


def base_urls(options: OpenAI) -> list[str]:
    """List the servers' URLs, each once: machine.yaml, else $OPENAI_BASE_URL, else OpenAI's own.

    Raises UserError if one is no http(s) URL, or holds a password.
    """
    given = options.base_url or [os.environ.get("OPENAI_BASE_URL") or PUBLIC_URL]
    return list(dict.fromkeys(map(_base_url, given)))


def describe_source(options: OpenAI) -> str:
    """Name the setting that the base URLs come from."""
    if options.base_url:
        return "openai.base_url in machine.yaml"
    if os.environ.get("OPENAI_BASE_URL"):
        return "$OPENAI_BASE_URL"
    return "the default, as neither $OPENAI_BASE_URL nor openai.base_url in machine.yaml is set"


def _base_url(given: str) -> str:
    url = given.strip().rstrip("/")
    # The text before an @, or after a ? or #, may be a key.
    shown = url.rpartition("@")[2].partition("?")[0].partition("#")[0]
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise UserError(
            f"openai: the base URL is {shown!r}; expected http(s)://<host>/v1 in "
            "machine.yaml's openai.base_url or in $OPENAI_BASE_URL"
        )
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise UserError(
            f"openai: the base URL of {parts.hostname} holds a user, a query or a fragment; "
            "it should end in its path, and the key be in $OPENAI_API_KEY"
        )
    return url


def api_key() -> str:
    """Read the key in $OPENAI_API_KEY, '' without one. Raises UserError if no HTTP header can hold it."""
    found = os.environ.get("OPENAI_API_KEY", "").strip()
    if not (found.isascii() and found.isprintable()):
        raise UserError("openai: $OPENAI_API_KEY holds characters that no key has; set it again")
    return found


def _proxy(url: str) -> str | None:
    parts = urlsplit(url)
    if urllib.request.proxy_bypass(parts.hostname or ""):
        return None
    return urllib.request.getproxies().get(parts.scheme)
