"""A model's chat template at work: a program that came with the weights, run in bounded time and memory.

`core.template_process` runs it. What a template raises for a row is for the caller to tell; one that exceeds
the bounds is of no use for any row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import TemplateError, TemplateSyntaxError

from evobuild.core.errors import UserError
from evobuild.core.template_bounds import REFUSALS, Bounds, Refused, TooMuch
from evobuild.core.template_process import render_apart
from evobuild.weights.chat_environment import render_template

__all__ = ["REFUSALS", "RunawayTemplate", "render_chat"]

SECONDS = 3.0
"""Of computing, for one conversation; templates take milliseconds."""
MEMORY = 1 << 29
"""Bytes that one conversation may take."""
LEAST_ROOM, MOST_GROWTH = 1 << 20, 64
"""Maximum characters of a rendered conversation: a constant, and a multiple of its messages' characters."""


class RunawayTemplate(UserError):
    """A chat template that takes too much time or memory."""


def render_chat(tokenizer: Any, messages: Sequence[Mapping[str, str]], **options: Any) -> str:
    """Render a conversation with the tokenizer's chat template, like its `apply_chat_template`.

    Raises RunawayTemplate if that takes too much, and REFUSALS if the template refuses the conversation.
    """
    given = {"tools": None, "documents": None, "add_generation_prompt": False}
    variables = {**given, **_special_tokens(tokenizer), **options, "messages": list(map(dict, messages))}
    length = sum(len(each["content"]) for each in messages)
    bounds = Bounds(SECONDS, MEMORY, LEAST_ROOM + MOST_GROWTH * length)
    try:
        return render_apart(render_template, (tokenizer.get_chat_template(), variables), bounds)
    except TooMuch as error:
        name = getattr(tokenizer, "name_or_path", "") or "the model"
        raise RunawayTemplate(
            f"the chat template of '{name}' {error} for one conversation; "
            "mend the template or choose another model"
        ) from None
    except Refused as error:
        raise _refusal(error) from None


def _special_tokens(tokenizer: Any) -> dict[str, str | list[str]]:
    """Return the special tokens by name, as plain text."""
    return {
        name: [str(each) for each in token] if isinstance(token, list | tuple) else str(token)
        for name, token in tokenizer.special_tokens_map.items()
    }


def _refusal(error: Refused) -> TemplateError:
    """Convert an error of a template to the kind of exception that callers handle."""
    if error.line:
        return TemplateSyntaxError(error.text, error.line)
    return TemplateError(error.text if error.kind == "TemplateError" else f"{error.kind}: {error.text}")
