"""Turn a request into prompt tokens, by the model's chat template or raw, and find where its reply begins.

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
from evobuild.weights.continuations import Continuations, Scored


class RefusedPrompt(Exception):
    """A request that the template or the tokenizer does not take, or that has no place; the text says why.

    tokens: of the prompt, 0 if it was not tokenized.
    """

    def __init__(self, reason: str, tokens: int = 0) -> None:
        super().__init__(reason)
        self.tokens = tokens


class ChatTemplate:
    """The chat template of a model's tokenizer.

    hidden, hidden_ids: special tokens to leave out of a reply's text, if others must stay in it so that its
    thoughts are found; None: leave out all.

    A tokenizer without a chat template takes raw prompts alone.
    """

    def __init__(self, tokenizer: Any, model: ChatModel) -> None:
        self._tokenizer, self._model = tokenizer, model
        self._continuations = Continuations(tokenizer)
        self._openings: dict[str, str] = {}
        special: Sequence[str] = tokenizer.all_special_tokens
        shown = marking_tokens(special)
        self.hidden = [token for token in special if token not in shown] if shown else None
        ids = tokenizer.convert_tokens_to_ids(self.hidden or [])
        self.hidden_ids = None if self.hidden is None else frozenset(ids)

    def prompt(self, request: Request) -> list[int]:
        """Give a request's token ids, up to where the reply begins.

        Raises RefusedPrompt if the template refuses it or it is no text; UserError as `render_chat`, and if
        there is no template.
        """
        if request.raw is not None:
            self._check_text(request.raw)
            return self._continuations.prompt_ids(request.raw)
        self._check_template(request)
        messages = [message._asdict() for message in request.messages]
        try:
            return self._ids(self._rendered(messages, request.reasoning))
        except REFUSALS as error:
            raise RefusedPrompt(f"refused by the chat template: {_line(error)}") from error

    def scored(self, request: Request, context: int, unread: int = 0) -> list[Scored]:
        """Give the token ids of a request's prompt and of what is scored behind it: of each part of its own.

        unread: tokens at the end of a part that may be outside of the context. Raises as `prompt`, and
        RefusedPrompt if a part has no place.
        """
        continuation = request.continuation or ""
        for text in (continuation, *(message.content for message in request.messages)):
            self._check_text(text)
        if request.scored_as == "windows":
            parts = self._continuations.windows(continuation, context + unread)
        else:
            parts = [self._behind(request, continuation)]
        if not parts or not all(part.prompt and part.continuation for part in parts):
            raise RefusedPrompt(f"no token of {continuation[:40]!r} is left to be scored")
        return [_placed_part(request, part, context, unread) for part in parts]

    def _behind(self, request: Request, continuation: str) -> Scored:
        if request.raw is not None:
            return self._continuations.encode_after_text(request.raw, continuation)
        self._check_template(request)
        try:
            if request.scored_as == "turn":
                return self._continuations.encode_after_chat(request.messages, continuation)
            messages = [message._asdict() for message in request.messages]
            return self._continuations.encode_after_text(
                self._rendered(messages, request.reasoning), continuation
            )
        except REFUSALS as error:
            raise RefusedPrompt(f"refused by the chat template: {_line(error)}") from error

    def opening(self, request: Request) -> str:
        """Find the thought marker that the prompt has opened, '' if none."""
        if request.raw is not None:
            return ""
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

    def _check_template(self, request: Request) -> None:
        if self._tokenizer.chat_template:
            return
        # Of a base model the benchmarks with raw prompts are measured all the same.
        if request.purpose == "evaluate":
            raise RefusedPrompt("no chat template: the model takes raw prompts alone")
        raise UserError(f"the model '{self._model}' has no chat template; choose an instruction-tuned one")

    def _check_text(self, text: str) -> None:
        try:
            # Half a surrogate pair is no text; the tokenizer would speak of a wrong type.
            text.encode()
        except UnicodeEncodeError as error:
            raise RefusedPrompt(f"no text for the tokenizer: {error.reason}") from error

    def _ids(self, text: str) -> list[int]:
        self._check_text(text)
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids


def placed(request: Request, prompt: list[int], context: int) -> list[int]:
    """Fit a prompt so that it leaves room for a reply, cut from the left if the request allows.

    A cut one leaves room for all of max_tokens. Raises RefusedPrompt if it has no place.
    """
    room = context - (request.sampling.max_tokens if request.cut else 1)
    if len(prompt) <= room:
        return prompt
    if not request.cut or room <= 0:
        raise RefusedPrompt(_too_long(len(prompt), context), len(prompt))
    return prompt[-room:]


def _placed_part(request: Request, scored: Scored, context: int, unread: int) -> Scored:
    """Fit a prompt together with the scored part, cut from the left if the request allows."""
    length, room = len(scored.prompt) + len(scored.continuation), context + unread
    if length <= room:
        return scored
    kept = room - len(scored.continuation)
    if not request.cut or kept <= 0:
        raise RefusedPrompt(_too_long(length, context), length)
    return scored._replace(prompt=scored.prompt[-kept:])


def _too_long(length: int, context: int) -> str:
    return f"prompt too long: {length} tokens of a context of {context}"


def _line(error: Exception) -> str:
    """Format a template's own error, or how it broke, on one line."""
    kind = "" if isinstance(error, TemplateError) else f"{type(error).__name__}: "
    return " ".join(f"{kind}{error}".split())[:300]
