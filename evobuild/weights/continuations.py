"""A prompt and what follows it as token ids: raw text, or a conversation in the model's chat template.

Raw text is tokenized as lm-evaluation-harness does it (0.4.13, lm_eval/api/model.py), so that figures are
equal wherever a tokenizer merges the end of the prompt with what follows. Blanks at the prompt's end go to
what follows. The model reads the ids of the prompt alone, then those of both as one text without as many as
the prompt has: of "Answer: A" as [Answer][: ][A] it reads [Answer][:][A]. A whole text is scored in windows
that overlap in one token. An answer to a conversation has the ids that `tokenized_pairs` gives it: those by
which it is trained and scored elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from evobuild.core.chat import Message
from evobuild.weights.layouts import answer_lead, conversation_text, marks_outside
from evobuild.weights.literal_tokenizer import LiteralTokenizer
from evobuild.weights.tokenized_pairs import answer_tokens

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Scored(NamedTuple):
    """Token ids of a prompt, at least one, and of what is scored behind it; none if nothing of it is left."""

    prompt: list[int]
    continuation: list[int]


class Continuations:
    """The tokenizer of a model that scores texts. Raises UserError at the first chat if it is a slow one."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer

    def prompt_ids(self, text: str) -> list[int]:
        """Tokenize a raw prompt; an empty one is the token that texts begin with, if there is one."""
        return self._ids(text) if text else self._begin

    def encode_after_text(self, prompt: str, continuation: str) -> Scored:
        """Tokenize a raw prompt and what follows it."""
        if not prompt:
            ids: list[int] = self._tokenizer(continuation, add_special_tokens=False, verbose=False)[
                "input_ids"
            ]
            is_begun = not self._begin or ids[:1] == self._begin
            return Scored(ids[:1], ids[1:]) if is_begun else Scored(self._begin, ids)
        # Of a prompt of blanks nothing may be left.
        before, whole = self._ids(prompt.rstrip()), self._ids(prompt + continuation)
        return Scored(before or self._begin, whole[len(before) :])

    def windows(self, text: str, room: int) -> list[Scored]:
        """Tokenize a whole text, every token of which is scored, in windows of a maximum length.

        Each token is scored once. The first window begins with the token that texts begin with, every other
        one with the last token of the window before, and the last is as long as all others: of 1 2 3 4 5 in
        a room of 4, [start] 1 2 3 and 2 3 [4 5].
        """
        ids, step = self._ids(text), room - 1
        found = []
        for first in range(0, len(ids), step):
            end = min(first + step, len(ids))
            found.append(Scored(ids[end - room : first] if first else self._begin, ids[first:end]))
        return found

    def encode_after_chat(self, messages: Sequence[Message], continuation: str) -> Scored:
        """Tokenize a conversation in the chat template, thinking off, and the answer to it.

        Raises REFUSALS of `chat_rendering` if the template refuses it, UserError as `render_chat`.
        """
        mark = next(marks_outside([message.content for message in messages]))
        turns = [
            message._replace(content=self._literal.hide(message.content, mark))._asdict()
            for message in messages
        ]
        text = self._literal.show(conversation_text(self._tokenizer, turns), mark)
        lead = self._lead
        prompt = text + self._literal.show(lead, mark)
        (whole,) = self._literal.encode([prompt + continuation])
        blanks = len(lead) - len(lead.rstrip())
        found = answer_tokens(self._literal, blanks, whole, continuation, prompt)
        (before,) = self._literal.encode([prompt[: len(prompt) - found.blanks]])
        return Scored(before.ids, found.ids)

    def _ids(self, text: str) -> list[int]:
        """Tokenize a text, with the special tokens that the tokenizer adds."""
        start = self._start
        # One that begins with that token's text has it already.
        begun = start is not None and text.startswith(self._tokenizer.decode([start]))
        # An argument that is left out leaves it to the tokenizer, as slow ones need it.
        given = {"add_special_tokens": False} if begun else {}
        ids: list[int] = self._tokenizer(text, verbose=False, **given)["input_ids"]
        return ids

    @property
    def _begin(self) -> list[int]:
        """Return the tokens before a text without prompt."""
        return [] if self._start is None else [self._start]

    @property
    def _start(self) -> int | None:
        """Return the token that texts begin with."""
        begin: int | None = self._tokenizer.bos_token_id
        end: int | None = self._tokenizer.eos_token_id
        return end if begin is None else begin

    @cached_property
    def _literal(self) -> LiteralTokenizer:
        return LiteralTokenizer(self._tokenizer)

    @cached_property
    def _lead(self) -> str:
        return answer_lead(self._tokenizer)
