"""A model's chat template at work: a program that came with the weights, run in bounded time and memory.

transformers runs it in jinja's sandbox, which lets it call little but bounds no loop: two nested ones of
100,000 turns each are allowed. So the time is looked at line by line, memory may grow so far and no further,
and powers, which one line could compute for ever, are refused. What a template raises for a row is for the
caller to tell; one that does not end is of no use for any row.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any

from jinja2 import Environment, TemplateError, TemplateSyntaxError

from evobuild.core.errors import UserError

SECONDS = 3.0
"""Of computing, for one conversation; templates take milliseconds."""
MEMORY = 1 << 30
"""Bytes that one conversation may take."""
LEAST_ROOM, MOST_GROWTH = 1 << 20, 64
"""Characters that a rendered conversation may have: so many, and so many times its messages'."""
TEMPLATE = "<template>"
"""What jinja calls the file of a template that comes from none."""
EVERY = 64
"""Lines after which the time is looked at."""

REFUSALS = (
    TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    RecursionError,
)
"""What a chat template raises: on purpose, or as the Python that it is made of."""


class RunawayTemplate(UserError):
    """A chat template that takes too much time or memory."""


class _OutOfTime(BaseException):
    """No Exception: nothing between the template and us may take it for one of its own."""


def render_chat(tokenizer: Any, messages: Sequence[Mapping[str, str]], **options: Any) -> str:
    """Render a conversation with the tokenizer's chat template.

    Raises RunawayTemplate if that takes too much, and REFUSALS if the template refuses the conversation.
    """
    if any(map(_has_power, _templates(tokenizer))):
        raise _runaway(tokenizer, "computes powers, which may never end")
    try:
        with _bounded_memory(), _bounded_time():
            text: str = tokenizer.apply_chat_template(messages, tokenize=False, **options)
    except _OutOfTime:
        raise _runaway(tokenizer, f"takes more than {SECONDS:g} s for one conversation") from None
    except MemoryError:
        raise _runaway(tokenizer, f"takes more than {MEMORY >> 20:,} MB for one conversation") from None
    if len(text) > LEAST_ROOM + MOST_GROWTH * sum(len(each["content"]) for each in messages):
        raise _runaway(tokenizer, f"makes {len(text):,} characters of one conversation")
    return text


def _runaway(tokenizer: Any, what: str) -> RunawayTemplate:
    name = getattr(tokenizer, "name_or_path", "") or "the model"
    return RunawayTemplate(f"the chat template of '{name}' {what}; mend the template or choose another model")


def _templates(tokenizer: Any) -> list[str]:
    given = getattr(tokenizer, "chat_template", None)
    return [
        each for each in (given.values() if isinstance(given, dict) else [given]) if isinstance(each, str)
    ]


def _has_power(template: str) -> bool:
    """Whether it holds the operator `**`; before the names of a call's arguments the sign is none."""
    if "**" not in template:
        return False
    try:
        tokens = [(kind, value) for _, kind, value in Environment().lex(template) if kind != "whitespace"]
    except TemplateSyntaxError:
        return False
    return any(value == "**" and before not in ("(", ",") for (_, before), (_, value) in pairwise(tokens))


@contextmanager
def _bounded_time() -> Iterator[None]:
    deadline = time.thread_time() + SECONDS
    seen = 0

    def watch(frame: FrameType, event: str, argument: Any) -> Callable[..., Any] | None:
        nonlocal seen
        seen += 1
        if not seen % EVERY and time.thread_time() > deadline:
            raise _OutOfTime
        # Of other code no more than that it is called.
        return watch if frame.f_code.co_filename == TEMPLATE else None

    before = sys.gettrace()
    sys.settrace(watch)
    try:
        yield
    finally:
        sys.settrace(before)


@contextmanager
def _bounded_memory() -> Iterator[None]:
    """Let this process take so much more memory and not more, on Linux; elsewhere nothing is done."""
    if not sys.platform.startswith("linux"):
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limits = [taken + MEMORY, *(each for each in (soft, hard) if each != resource.RLIM_INFINITY)]
    resource.setrlimit(resource.RLIMIT_AS, (min(limits), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
