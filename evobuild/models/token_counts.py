"""The tokens of a call: a server's word where it can be right, else an estimate of our own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from evobuild.core.chat import Choice, Request

MOST_TOKENS = 10_000_000
"""Of a prompt or of choices: a server that counts more, or none at all, is not believed."""

TOKEN_BYTES = 4
"""Bytes of text that a token is taken to have where the server does not count."""


def token_counts(usage: Any) -> tuple[int | None, int | None]:
    """Read a server's counts of prompt and reply tokens, each None if it cannot be right."""
    given = usage if isinstance(usage, dict) else {}
    prompt, written = (given.get(name) for name in ("prompt_tokens", "completion_tokens"))
    return _token_count(prompt), _token_count(written)


def _token_count(given: Any) -> int | None:
    return given if type(given) is int and 0 < given <= MOST_TOKENS else None


def prompt_estimate(request: Request) -> int:
    texts = (*(message.content for message in request.messages), request.continuation or "")
    return sum(map(_estimate, texts))


def choices_estimate(choices: Iterable[Choice]) -> int:
    return sum(_estimate(each.text) + _estimate(each.reasoning) for each in choices)


def _estimate(text: str) -> int:
    return -(-len(text.encode("utf-8", "surrogatepass")) // TOKEN_BYTES)
