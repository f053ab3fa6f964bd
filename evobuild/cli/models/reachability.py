"""Whether a server that speaks OpenAI's protocol answers, has a model and takes the key."""

from __future__ import annotations

import asyncio
import difflib
import json
from typing import Any

import aiohttp

from evobuild.core.errors import UserError
from evobuild.core.machine import OpenAI
from evobuild.core.uri import ChatModel
from evobuild.models import openai_server
from evobuild.models.openai_protocol import same_model

SECONDS = 5.0
"""For a question and its answer."""


def facts(model: ChatModel, settings: OpenAI) -> str:
    """Where the server is, whether there is a key, and the context length where the server tells it.

    Raises UserError if it cannot be reached, refuses the key, or does not have the model.
    """
    url, key = openai_server.base_url(settings), openai_server.api_key()
    try:
        context = asyncio.run(_asked(model.name, url, key))
    except (aiohttp.ClientError, OSError) as error:
        reason = str(error) or f"no answer within {SECONDS:g} s"
        raise UserError(
            f"the server at {url} does not answer: {reason}; start it, or set the base URL"
        ) from error
    length = f", context {context:,}" if context else ""
    return f"{url} answers{length}, {'key given' if key else 'no key in $OPENAI_API_KEY'}"


async def _asked(name: str, url: str, key: str) -> int:
    """The model's context length in tokens, 0 if the server does not tell."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    limit = aiohttp.ClientTimeout(total=SECONDS)
    async with aiohttp.ClientSession(headers=headers, timeout=limit, trust_env=True) as session:
        # A redirect is not followed: the key is for this server only.
        async with session.get(f"{url}/models", allow_redirects=False) as response:
            status, listed = response.status, _listed(await response.read())
        _refuse_key(status, url, key)
        if name in listed:
            return listed[name]
        if len(listed) == 1 and not same_model(name, *listed):
            raise UserError(
                f"the server at {url} serves only '{next(iter(listed))}'; "
                "name that in params, or serve the other"
            )
        question = {"model": name, "max_tokens": 1, "messages": [{"role": "user", "content": "Hi"}]}
        async with session.post(f"{url}/chat/completions", json=question, allow_redirects=False) as response:
            status, body = response.status, await response.read()
    _refuse_key(status, url, key)
    # A server that wants the limit by another name has the model: the engine knows both.
    if status != 200 and b"max_completion_tokens" not in body:
        close = difflib.get_close_matches(name, listed, 1, 0.4) or sorted(listed)[:3]
        hint = f"; it has {', '.join(close)}" if close else "; check the name"
        raise UserError(f"the server at {url} does not serve '{name}' (HTTP {status}){hint}")
    return 0


def _listed(body: bytes) -> dict[str, int]:
    """The models of a listing with their context lengths, 0 where it tells none; empty if it is none."""
    try:
        content: Any = json.loads(body)
        entries = {entry["id"]: entry.get("max_model_len") for entry in content["data"]}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
    return {str(name): length if isinstance(length, int) else 0 for name, length in entries.items()}


def _refuse_key(status: int, url: str, key: str) -> None:
    if status in (401, 403):
        found = "refuses the key" if key else "wants a key"
        raise UserError(f"the server at {url} {found} (HTTP {status}); set $OPENAI_API_KEY")
