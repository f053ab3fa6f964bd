"""OpenAI's chat protocol: a request as JSON, and what an answer means.

An answer is data only if it is whole: the right content type, choices with text, the model that was
asked. Everything else is one of three failures: `Retry` (the next try may do better), `Rejected` (this
request will never be answered) or `UserError` (no request will be).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, Field, TypeAdapter, ValidationError, model_validator

from evobuild.core.chat import Choice, Finish, Request
from evobuild.core.errors import UserError
from evobuild.models import rate_limit
from evobuild.models.reasoning import server_options
from evobuild.models.sampling import noise_seed

FINISHES: dict[str | None, Finish] = {
    "stop": "stop",
    "eos": "stop",
    "length": "length",
    "content_filter": "content_filter",
}
MOST_LOGPROBS = 20
"""What OpenAI and, by default, vLLM give at a position."""

DETAIL = 200
"""Characters of a server's message that are shown."""

_TOO_LONG = re.compile(r"context.?(length|window|size)|too long|longer than the max|exceeds? .*token", re.I)
_POLICY = re.compile(r"content.?(filter|policy|management)|moderation|flagged", re.I)
_SNAPSHOT = re.compile(r"(:latest|-latest|[-@:]\d{4}[-\d]*)$")


class Retry(Exception):
    """The call failed, the next try may not. after: seconds that the server asks to wait."""

    def __init__(self, reason: str, after: float | None = None) -> None:
        super().__init__(reason)
        self.after = after


class Rejected(Exception):
    """This request will not be answered, however often it is asked."""


class Unsupported(Exception):
    """The server does not take one of the fields that were sent, or may not: it is asked again without."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


@dataclass(frozen=True, slots=True)
class Call:
    """What is sent: a request, how many choices it asks for and the number of the first of them.

    length_field: what the server calls the greatest number of new tokens. at_openai: the server is OpenAI's.
    """

    model: str
    request: Request
    n: int
    number: int
    length_field: str = "max_tokens"
    at_openai: bool = False

    def body(self) -> bytes:
        """As JSON. All that a server might have a default of its own for is said."""
        sampling = self.request.sampling
        fields: dict[str, Any] = {
            "model": self.model,
            "messages": [
                {"role": message.role, "content": message.content} for message in self.request.messages
            ],
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            self.length_field: sampling.max_tokens,
        } | server_options(self.request.reasoning, self.at_openai)
        if self.n > 1:
            fields["n"] = self.n
        if sampling.temperature > 0:
            fields["seed"] = noise_seed(self.request) + self.number
        if sampling.stop:
            fields["stop"] = list(sampling.stop)
        if sampling.logprobs:
            # One more: vLLM counts the chosen token in, which may push the last one out.
            fields |= {"logprobs": True, "top_logprobs": min(sampling.logprobs + 1, MOST_LOGPROBS)}
        return json.dumps(fields, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Answer:
    """Choices, at least one, and the prompt's tokens; counted: the server says how many tokens it used."""

    choices: tuple[Choice, ...]
    prompt_tokens: int
    counted: bool


Logprob = Annotated[float, Field(allow_inf_nan=False)]


class _Top(BaseModel):
    logprob: Logprob


class _Position(BaseModel):
    logprob: Logprob
    top_logprobs: list[_Top] = []


class _Logprobs(BaseModel):
    content: list[_Position] | None = None


def _said(given: Any) -> str:
    """The text of a field that may have parts, and parts of parts."""
    if isinstance(given, list):
        return "".join(map(_said, given))
    if isinstance(given, dict):
        parts = map(_said, map(given.get, ("text", "thinking", "summary")))
        return next(filter(None, parts), "")
    return given if isinstance(given, str) else ""


class _Message(BaseModel):
    """Servers call what the model thought by one name or the other, and may give it, or all, in parts."""

    content: str | None = None
    reasoning_content: Any = None
    reasoning: Any = None
    thinking: Any = None
    reasoning_details: Any = None

    @model_validator(mode="before")
    @classmethod
    def _joined_parts(cls, given: Any) -> Any:
        # As Mistral's API gives them.
        if not isinstance(given, dict) or not isinstance(parts := given.get("content"), list):
            return given
        thoughts = [part for part in parts if isinstance(part, dict) and part.get("type") == "thinking"]
        content = _said([part for part in parts if part not in thoughts])
        return {"thinking": thoughts} | given | {"content": content}

    @property
    def thoughts(self) -> str:
        given = (self.reasoning_content, self.reasoning, self.thinking, self.reasoning_details)
        return next((said for each in given if (said := _said(each))), "")


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None


class _Usage(BaseModel):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Completion(BaseModel):
    model: str | None = None
    choices: list[_Choice]
    usage: _Usage | None = None


_COMPLETION = TypeAdapter(_Completion)


def read_answer(call: Call, status: int, headers: Mapping[str, str], data: bytes) -> Answer:
    """Take an HTTP answer for what it is.

    Raises Retry, Rejected, Unsupported or UserError if it is no reply.
    """
    if status != 200:
        raise _failure(call, status, headers, data)
    kind = headers.get("Content-Type", "")
    if "json" not in kind:
        raise Retry(f"content type {kind[:50] or 'missing'}")
    try:
        completion = _COMPLETION.validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise Retry(f"malformed reply: {place}{': ' if place else ''}{first['msg'][:DETAIL]}") from error
    if not completion.choices:
        raise Retry("empty choices")
    if completion.model and not same_model(call.model, completion.model):
        raise Retry(f"reply of another model: {completion.model[:DETAIL]!r}")
    usage = completion.usage or _Usage()
    shares = _shared_out(usage.completion_tokens, len(completion.choices))
    choices = [_choice(call, *pair) for pair in zip(completion.choices, shares, strict=True)]
    return Answer(tuple(choices), usage.prompt_tokens, completion.usage is not None)


def same_model(asked: str, answered: str) -> bool:
    """Whether a reply's model is the one asked: servers add a date or ':latest', or leave the folder out."""
    one, other = (name.rstrip("/").rpartition("/")[2].casefold() for name in (asked, answered))
    return one == other or _SNAPSHOT.sub("", one) == _SNAPSHOT.sub("", other)


def _choice(call: Call, choice: _Choice, tokens: int) -> Choice:
    finish = FINISHES.get(choice.finish_reason)
    if finish is None:
        raise Retry(f"unknown finish reason: {choice.finish_reason!r}")
    text, thoughts = choice.message.content, choice.message.thoughts
    # It may have thought and come to no answer, or been cut off before it wrote any.
    if text is None and finish == "stop" and not thoughts:
        raise Retry("null content")
    wanted = call.request.sampling.logprobs
    if not wanted or text is None:
        return Choice(text or "", finish, tokens, reasoning=thoughts)
    if choice.logprobs is None or choice.logprobs.content is None:
        raise Rejected("no logprobs in the reply; this server does not give them")
    logprobs = tuple(
        (position.logprob, *sorted((top.logprob for top in position.top_logprobs), reverse=True)[:wanted])
        for position in choice.logprobs.content
    )
    return Choice(text, finish, tokens, logprobs, thoughts)


def _shared_out(total: int, parts: int) -> list[int]:
    """The server counts the tokens of all choices together: as even as it goes, the sum exact."""
    return [total // parts + (number < total % parts) for number in range(parts)]


def _failure(call: Call, status: int, headers: Mapping[str, str], data: bytes) -> Exception:
    message, code = _error(data)
    found = f"{status} {message}".strip()
    if status in (400, 403) and _POLICY.search(f"{code} {message}"):
        return Rejected(f"content policy: {message}")
    if status == 402 or code == "insufficient_quota":
        return UserError(f"answered {found}; the account has no credit left")
    if status in (408, 409, 429) or status >= 500:
        return Retry(found, rate_limit.retry_after(headers.get("Retry-After")))
    if status in (400, 413, 422):
        return _refusal(call, status, message, code)
    return _misaddressed(status, found)


def _refusal(call: Call, status: int, message: str, code: str) -> Exception:
    """What a server means that does not take this request as it is."""
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
    """What a server means that will take no request: the key, the model or the URL is wrong."""
    if status in (401, 403):
        # Nothing of the message: it may repeat a part of the key.
        return UserError(f"answered {status}; check the key in $OPENAI_API_KEY and what it may use")
    if status == 404:
        return UserError(
            f"answered {found}; check the model's name and the base URL, which mostly ends in /v1"
        )
    return UserError(f"answered {found}; check the base URL")


def _error(data: bytes) -> tuple[str, str]:
    """The server's message, short and on one line, and its code; both '' if it gives none."""
    try:
        body = json.loads(data)
    except ValueError:
        return "", ""
    error = body.get("error", body) if isinstance(body, dict) else body
    if not isinstance(error, dict):
        return " ".join(str(error).split())[:DETAIL], ""
    message = error.get("message") or error.get("detail") or ""
    return " ".join(str(message).split())[:DETAIL], str(error.get("code") or error.get("type") or "")
