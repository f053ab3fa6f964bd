"""Check that an OpenAI-compatible server is reachable, accepts the key, has the model, and answers a call."""

from __future__ import annotations

import asyncio

import aiohttp
from pydantic_core import from_json

from evobuild.core.chat import Message, Request, Sampling
from evobuild.core.errors import UserError
from evobuild.core.machine import OpenAI
from evobuild.core.suggestions import suggest
from evobuild.core.uri import ChatModel
from evobuild.models.openai_call import Call
from evobuild.models.openai_failures import Failure, Retry, Unsupported
from evobuild.models.openai_protocol import read_answer, same_model
from evobuild.models.openai_server import SHORTEST_KEY, listed_models
from evobuild.models.openai_transport import BASE_URL_SET, Answered, Transport, base_urls, describe_source
from evobuild.models.redaction import Redaction

SECONDS = 5.0
"""Timeout of the list of models. A call may take twice as long, since the server may load the model for it.
"""


def check_servers(model: ChatModel, settings: OpenAI) -> str:
    """Check each server with a call for one token; return its URL, whether a key is set, and context length.

    Raises UserError if one cannot be reached, refuses the key, lacks the model, or does not answer the call.
    """
    return "; ".join(_check_server(model, settings, url) for url in base_urls(settings))


def _check_server(model: ChatModel, settings: OpenAI, url: str) -> str:
    source = describe_source(settings)
    transport = Transport(settings.model_copy(update={"timeout": 2 * SECONDS}), url)
    said = Redaction(transport.secrets, SHORTEST_KEY)
    try:
        context = asyncio.run(_probe_server(transport, model))
    except (aiohttp.ClientError, OSError, Retry) as error:
        reason = said.shown(str(error)) or f"no answer within {SECONDS:g} s"
        raise UserError(
            f"the server at {transport.url} does not answer: {reason}; "
            f"start it, or set {BASE_URL_SET}; this one is {source}"
        ) from error
    except UserError as error:
        hint = f"; its base URL is {source}" if transport.at_openai and not transport.key else ""
        raise UserError(said.shown(f"{error}{hint}")) from error
    length = f", context {context:,}" if context else ""
    return f"{transport.url} answers a call for one token{length}, {_describe_key(transport)}"


def _describe_key(transport: Transport) -> str:
    return "key given" if transport.key else "no key in $OPENAI_API_KEY"


async def _probe_server(transport: Transport, model: ChatModel) -> int:
    """Call the server; return the model's context length in tokens, 0 if the server does not report it."""
    await transport.open()
    try:
        answered = await transport.models(SECONDS)
        _refuse_key(transport, answered.status)
        listed = listed_models(answered.data)
        if len(listed) == 1 and not same_model(model.name, *listed):
            raise UserError(
                f"the server at {transport.url} serves only '{next(iter(listed))}'; "
                "name that in params, or serve the other"
            )
        await _probe_call(transport, model, listed)
    finally:
        await transport.close()
    return listed.get(model.name, 0)


async def _probe_call(transport: Transport, model: ChatModel, listed: dict[str, int]) -> None:
    """Request one token. Raises UserError if the response is invalid, Retry without a response."""
    sampling = Sampling(max_tokens=1)
    request = Request("", "respond", (Message("user", "Hi"),), sampling, model.reasoning)
    for length_field in ("max_tokens", "max_completion_tokens"):
        call = Call(model.name, request, 1, 0, length_field, transport.at_openai)
        answered = await transport.post(call.path, call.body(), call.most_bytes)
        _refuse_key(transport, answered.status)
        try:
            read_answer(call, *answered)
        except Unsupported:
            continue
        except (Failure, UserError) as error:
            # One token may hold no usable text (only reasoning, say): a well-formed response is enough.
            if not _has_choices(answered):
                raise _explain_refusal(transport, model, listed, answered.status, str(error)) from error
        return


def _has_choices(answered: Answered) -> bool:
    try:
        content = from_json(answered.data)
    except ValueError:
        return False
    return answered.status == 200 and isinstance(content, dict) and isinstance(content.get("choices"), list)


def _explain_refusal(
    transport: Transport, model: ChatModel, listed: dict[str, int], status: int, reason: str
) -> UserError:
    if model.name in listed:
        return UserError(
            f"the server at {transport.url} answers, {_describe_key(transport)}, and lists '{model.name}', "
            f"but a call gets no reply (HTTP {status}): {reason}"
        )
    hint = suggest(model.name, sorted(listed)) if listed else "check the name"
    return UserError(f"the server at {transport.url} does not serve '{model.name}' (HTTP {status}); {hint}")


def _refuse_key(transport: Transport, status: int) -> None:
    if status in (401, 403):
        found = "refuses the key" if transport.key else "wants a key"
        raise UserError(f"the server at {transport.url} {found} (HTTP {status}); set $OPENAI_API_KEY")
