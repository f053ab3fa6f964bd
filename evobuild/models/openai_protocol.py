"""What an answer of OpenAI's protocol means.

An answer is data only if it is whole: the right content type, choices, the model that was asked. Everything
else is one of three failures: `Retry` (the next try may do better), `Rejected` (this request will never be
answered) or `UserError` (no request will be). A choice that never holds text, as one that calls a tool, is an
empty one. A server's word on tokens is taken where it can be right, and is an estimate of our own elsewhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import BaseModel, Field, TypeAdapter, ValidationError, model_validator

from evobuild.core.chat import Choice, Finish
from evobuild.models.openai_call import Call
from evobuild.models.openai_completions import as_chat, no_completions, scored_choice, unscored
from evobuild.models.openai_failures import DETAIL, Failure, Rejected, Retry, status_failure
from evobuild.models.token_counts import choices_estimate, prompt_estimate, token_counts

FINISHES: dict[str | None, Finish] = {
    "stop": "stop",
    "eos": "stop",
    "length": "length",
    "content_filter": "content_filter",
}
TOOL_CALLS = ("tool_calls", "function_call")
"""Finish reasons of a choice that calls a tool, although no tool was offered."""

_HALF = re.compile(rb"\\u[dD][89a-fA-F]")
"""Half of a character that JSON escapes as two, or of one that is whole."""

_SNAPSHOT = re.compile(r"(:latest|-latest|[-@:]\d{4}[-\d]*)$")


@dataclass(frozen=True, slots=True)
class Answer:
    """Choices, at least one, and the prompt's tokens.

    counted: the server says how many tokens it used. textless: a choice holds no text, of its own will.
    fault: why it is of no use, '' if it is of some.
    """

    choices: tuple[Choice, ...]
    prompt_tokens: int
    counted: bool
    textless: bool = False
    fault: str = ""

    @property
    def tokens(self) -> tuple[int, int]:
        """What it cost, of prompt and reply."""
        return self.prompt_tokens, sum(choice.tokens for choice in self.choices)


Logprob = Annotated[float, Field(allow_inf_nan=False)]


class _Top(BaseModel):
    logprob: Logprob
    token: Any = None


class _Position(_Top):
    top_logprobs: list[_Top] = []

    def told(self, wanted: int) -> list[_Top]:
        """Itself, then as many of the most probable tokens as are wanted, best first."""
        return [self, *sorted(self.top_logprobs, key=lambda top: -top.logprob)[:wanted]]


class _Logprobs(BaseModel):
    content: list[_Position] | None = None


def _said(given: Any) -> str:
    """Join the text of a field that may have nested parts."""
    if isinstance(given, list):
        return "".join(map(_said, given))
    if isinstance(given, dict):
        parts = map(_said, map(given.get, ("text", "thinking", "summary")))
        return next(filter(None, parts), "")
    return given if isinstance(given, str) else ""


class _Message(BaseModel):
    """Servers call what the model thought by one name or the other, and may give it, or all, in parts."""

    content: str | None = None
    refusal: str | None = None
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
    index: Any = None
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None

    @property
    def textless(self) -> bool:
        """Whether it is complete without any text: the model called a tool, refused, or was silent.

        False if it has thoughts without an answer, was cut off, or was held back by a filter.
        """
        message = self.message
        if self.finish_reason in TOOL_CALLS or message.refusal:
            return True
        return message.content is None and FINISHES.get(self.finish_reason) == "stop" and not message.thoughts


class _Completion(BaseModel):
    """Parsed in two steps, so that the tokens of a malformed reply are still counted."""

    model: Any = None
    choices: Any = None
    usage: Any = None
    prompt_logprobs: Any = None


_COMPLETION = TypeAdapter(_Completion)
_CHOICES = TypeAdapter(list[_Choice])


def read_answer(call: Call, status: int, headers: Mapping[str, str], data: bytes) -> Answer:
    """Take an HTTP answer for what it is.

    Raises Retry, Rejected, Unsupported or UserError if it is no reply.
    """
    scores = call.request.continuation is not None
    if status != 200:
        failure = status_failure(call, status, headers, data)
        if call.request.raw is not None and not scores:
            failure = no_completions(failure, status)
        raise unscored(failure, status) if scores else failure
    kind = headers.get("Content-Type", "")
    if "json" not in kind:
        raise Retry(f"content type {kind[:50] or 'missing'}")
    try:
        completion = _COMPLETION.validate_json(_with_whole_characters(data))
    except ValidationError as error:
        raise _malformed(error) from error
    try:
        return _scored(call, completion) if scores else _answer(call, completion)
    except Failure as failure:
        prompt, written = token_counts(completion.usage)
        failure.tokens = (prompt_estimate(call.request) if prompt is None else prompt, written or 0)
        raise


def _answer(call: Call, completion: _Completion) -> Answer:
    if not completion.choices and isinstance(completion.choices, list):
        raise Retry("empty choices")
    try:
        given = _CHOICES.validate_python(_chat_choices(call, completion.choices))
    except ValidationError as error:
        raise _malformed(error, "choices") from error
    _check_model(call, completion)
    # Some servers give more than were asked for.
    given = _in_order(given)[: call.n]
    choices = [_choice(call, each) for each in given]
    prompt, written = token_counts(completion.usage)
    counted = prompt is not None and (written is not None or not any(each.text for each in choices))
    total = choices_estimate(choices) if written is None else written
    shares = _shared_out(total, len(choices))
    return Answer(
        tuple(replace(each, tokens=share) for each, share in zip(choices, shares, strict=True)),
        prompt_estimate(call.request) if prompt is None else prompt,
        counted,
        any(each.textless for each in given),
    )


def _scored(call: Call, completion: _Completion) -> Answer:
    """Read a server's answer on a given text: its tokens count as the prompt's."""
    _check_model(call, completion)
    prompt, _ = token_counts(completion.usage)
    choice = scored_choice(call.request, completion.choices, completion.prompt_logprobs, prompt)
    return Answer((choice,), prompt_estimate(call.request) if prompt is None else prompt, prompt is not None)


def _chat_choices(call: Call, choices: Any) -> Any:
    if call.request.raw is None or not isinstance(choices, list):
        return choices
    return [as_chat(choice, call.request.sampling.logprobs) for choice in choices]


def _check_model(call: Call, completion: _Completion) -> None:
    model = completion.model
    if model is not None and not isinstance(model, str):
        raise Retry("malformed reply: model")
    if model and not same_model(call.model, model):
        raise Retry(f"reply of another model: {model[:DETAIL]!r}")


def _malformed(error: ValidationError, place: str = "") -> Retry:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(filter(None, (place, *map(str, first["loc"]))))
    return Retry(f"malformed reply: {where}{': ' if where else ''}{first['msg'][:DETAIL]}")


def _with_whole_characters(data: bytes) -> bytes:
    """JSON in which no text holds half a character, which a server may leave of one that it cut."""
    if not _HALF.search(data):
        return data
    try:
        text = json.dumps(json.loads(data), ensure_ascii=False)
    except (ValueError, RecursionError):
        return data
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def _in_order(choices: list[_Choice]) -> list[_Choice]:
    """Choices by their numbers, where these tell them apart."""
    numbers = [each.index for each in choices]
    if all(type(number) is int for number in numbers) and len(set(numbers)) == len(numbers):
        return sorted(choices, key=lambda each: each.index)
    return choices


def same_model(asked: str, answered: str) -> bool:
    """Whether a reply's model is the one asked: servers add a date or ':latest', or leave the folder out."""
    one, other = (name.rstrip("/").rpartition("/")[2].casefold() for name in (asked, answered))
    return one == other or _SNAPSHOT.sub("", one) == _SNAPSHOT.sub("", other)


def _choice(call: Call, choice: _Choice) -> Choice:
    """Build a choice without its token count."""
    message, thoughts = choice.message, choice.message.thoughts
    if message.refusal:
        return Choice(message.content or message.refusal, "content_filter", 0, reasoning=thoughts)
    if choice.textless:
        return Choice("", "stop", 0, reasoning=thoughts)
    finish = FINISHES.get(choice.finish_reason)
    if finish is None:
        raise Retry(f"unknown finish reason: {(choice.finish_reason or '')[:DETAIL] or None!r}")
    sampling = call.request.sampling
    if not sampling.logprobs or message.content is None:
        return Choice(message.content or "", finish, 0, reasoning=thoughts)
    if choice.logprobs is None or choice.logprobs.content is None:
        raise Rejected("no logprobs in the reply; this server does not give them")
    positions = [position.told(sampling.logprobs) for position in choice.logprobs.content]
    logprobs = tuple(tuple(each.logprob for each in position) for position in positions)
    texts = tuple(tuple(_said(each.token) for each in position) for position in positions)
    return Choice(message.content, finish, 0, logprobs, thoughts, texts if sampling.token_texts else None)


def _shared_out(total: int, parts: int) -> list[int]:
    """Distribute the server's total of tokens over the choices: as even as possible, with an exact sum."""
    return [total // parts + (number < total % parts) for number in range(parts)]
