"""A chat template at work: a request as prompt tokens, and where its reply begins.

Templates of reasoning models take options of their own, and many open the thought in the prompt, so that
only its end is in the reply. Some models mark thoughts with special tokens, which decoding leaves out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jinja2 import TemplateError

from evobuild.core.chat import Request
from evobuild.core.errors import UserError
from evobuild.core.uri import ChatModel
from evobuild.models.markers import marking_tokens, opening_at_end
from evobuild.models.reasoning import template_options
from evobuild.weights.chat_rendering import REFUSALS, render_chat


class RefusedPrompt(Exception):
    """A request that the template or the tokenizer does not take; the text says why."""


class ChatTemplate:
    """The chat template of a model's tokenizer.

    hidden, hidden_ids: special tokens that no reply's text shows, where others have to stand in it for its
    thoughts to be found; None: none has to, and all are left out.

    Raises UserError if the tokenizer has no chat template.
    """

    def __init__(self, tokenizer: Any, model: ChatModel) -> None:
        if not tokenizer.chat_template:
            raise UserError(f"the model '{model}' has no chat template; choose an instruction-tuned one")
        self._tokenizer = tokenizer
        self._openings: dict[str, str] = {}
        special: Sequence[str] = tokenizer.all_special_tokens
        shown = marking_tokens(special)
        self.hidden = [token for token in special if token not in shown] if shown else None
        ids = tokenizer.convert_tokens_to_ids(self.hidden or [])
        self.hidden_ids = None if self.hidden is None else frozenset(ids)

    def prompt(self, request: Request) -> list[int]:
        """Give a request's token ids, up to where the reply begins.

        Raises RefusedPrompt if the template refuses it or it is no text; UserError as `render_chat`.
        """
        messages = [message._asdict() for message in request.messages]
        try:
            return self._ids(self._rendered(messages, request.reasoning))
        except REFUSALS as error:
            raise RefusedPrompt(f"refused by the chat template: {_line(error)}") from error

    def opening(self, request: Request) -> str:
        """The marker of a thought that the prompt has opened already, '' if it has not."""
        reasoning = request.reasoning
        if reasoning not in self._openings:
            # Of another request: what a user says at the end of one opens nothing.
            try:
                ids = self._ids(self._rendered([{"role": "user", "content": "."}], reasoning))
                self._openings[reasoning] = opening_at_end(self._tokenizer.decode(ids))
            except (*REFUSALS, RefusedPrompt):
                self._openings[reasoning] = ""
        return self._openings[reasoning]

    def _rendered(self, messages: list[dict[str, str]], reasoning: str) -> str:
        options = template_options(reasoning)
        return render_chat(self._tokenizer, messages, add_generation_prompt=True, **options)

    def _ids(self, text: str) -> list[int]:
        try:
            # Half a surrogate pair is no text; the tokenizer would speak of a wrong type.
            text.encode()
        except UnicodeEncodeError as error:
            raise RefusedPrompt(f"no text for the tokenizer: {error.reason}") from error
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids


def _line(error: Exception) -> str:
    """What a template says on purpose, or how it broke, on one line."""
    kind = "" if isinstance(error, TemplateError) else f"{type(error).__name__}: "
    return " ".join(f"{kind}{error}".split())[:300]
