"""Why an answer of a server is no reply: what its status and message mean for this request and others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol

from pydantic_core import from_json

from evobuild.core.chat import Request
from evobuild.core.errors import UserError
from evobuild.models import rate_limit
from evobuild.models.reasoning import server_options
from evobuild.process.terminal import duration

DETAIL = 200
"""Characters of a server's message that are shown."""

ERROR_BODY = 1 << 16
"""Bytes of a body that are read if it is no reply."""

_TOO_LONG = re.compile(r"context.?(length|window|size)|too long|longer than the max|exceeds? .*token", re.I)
_POLICY = re.compile(r"content.?(filter|policy|management)|moderation|flagged", re.I)


LONG_WAIT = 60.0
"""Log a wait that a server asks for if it is at least this, in seconds."""


class Failure(Exception):
    """The call failed. tokens: what it cost all the same, of prompt and reply."""

    tokens = (0, 0)


class Retry(Failure):
    """The next try may do better. after: seconds that the server asks to wait."""

    def __init__(self, reason: str, after: float | None = None) -> None:
        super().__init__(reason)
        self.after = after

    @property
    def cause(self) -> str:
        """Why it failed, with the wait that the server asks for if it is a long one."""
        asks = (self.after or 0.0) >= LONG_WAIT
        return f"{self}; it asks to wait {duration(self.after or 0.0)}" if asks else str(self)


class Misaddressed(Retry):
    """The key, the model or the URL is wrong all of a sudden: others are likely to be told so, too."""


class Rejected(Failure):
    """This request will not be answered, however often it is asked."""


class Unable(Rejected):
    """The server does nothing of this kind, and may well answer requests of another."""


class NoLikelihoods(Unable):
    """The server scores no text of this kind: no other request that is scored need be sent."""


class Unsupported(Failure):
    """The server does not take one of the fields that were sent, or may not: it is asked again without."""


class Asked(Protocol):
    """What was sent."""

    @property
    def request(self) -> Request: ...
    @property
    def n(self) -> int: ...
    @property
    def length_field(self) -> str: ...
    @property
    def at_openai(self) -> bool: ...


def status_failure(call: Asked, status: int, headers: Mapping[str, str], data: bytes) -> Exception:
    message, code = _error(data)
    found = f"{status} {message}".strip()
    if status in (400, 403) and _POLICY.search(f"{code} {message}"):
        return Rejected(f"content policy: {message}")
    if status == 402 or code == "insufficient_quota":
        return UserError(f"answered {found}; the account has no credit left")
    if status in (408, 409, 429) or status >= 500:
        return Retry(found, rate_limit.retry_after(headers.get("Retry-After"), headers.get("Date")))
    if status in (400, 413, 422):
        return _refusal(call, status, message, code)
    return _misaddressed(status, found)


def _refusal(call: Asked, status: int, message: str, code: str) -> Exception:
    """Explain why a server refuses this request."""
    found, said = f"{status} {message}".strip(), f"{code} {message}"
    if any(name in message for name in server_options(call.request.reasoning, call.at_openai)):
        return UserError(
            f"answered {found}; it does not take reasoning: {call.request.reasoning} of this model, "
            "give the role another or none"
        )
    unsupported = "unsupported" in said.casefold()
    if unsupported and "max_completion_tokens" in message and call.length_field == "max_tokens":
        return Unsupported("max_tokens")
    if status == 413 or _TOO_LONG.search(said):
        return Rejected(f"prompt too long: {found}")
    # Some servers take one choice only, llama.cpp as many as it has slots.
    return Unsupported("n") if call.n > 1 else Rejected(f"bad request: {found}")


def _misaddressed(status: int, found: str) -> UserError:
    """Explain why a server refuses every request: the key, the model or the URL is wrong."""
    if status in (401, 403):
        # Nothing of the message: it may repeat a part of the key.
        return UserError(f"answered {status}; check the key in $OPENAI_API_KEY and what it may use")
    if status == 404:
        return UserError(
            f"answered {found}; check the model's name and the base URL, which mostly ends in /v1"
        )
    return UserError(f"answered {found}; check the base URL")


def _error(data: bytes) -> tuple[str, str]:
    """Read the server's message, short and on one line, and its code; both '' without one."""
    try:
        body = from_json(data, allow_partial=len(data) >= ERROR_BODY)
    except ValueError:
        return "", ""
    error = body.get("error", body) if isinstance(body, dict) else body
    if not isinstance(error, dict):
        return _short(error), ""
    return _short(error.get("message") or error.get("detail") or ""), _short(
        error.get("code") or error.get("type") or ""
    )


def _short(given: Any) -> str:
    return " ".join(str(given).split())[:DETAIL]
