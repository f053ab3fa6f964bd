"""A prompt and what follows it as token ids: raw text, or a conversation in the model's chat template.

Raw text is tokenized as lm-evaluation-harness does it (0.4.13, lm_eval/models/huggingface.py), so that
figures are equal: blanks at the prompt's end go to what follows, both are tokenized as one text, and what
comes after as many tokens as the prompt alone has is scored. An answer to a conversation has the ids that
`tokenized_pairs` gives it: those by which it is trained and scored elsewhere.
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
        start = self._start
        if not text:
            return [] if start is None else [start]
        # One that begins with that token's text has it already.
        begun = start is not None and text.startswith(self._tokenizer.decode([start]))
        # An argument that is left out leaves it to the tokenizer, as slow ones need it.
        given = {"add_special_tokens": False} if begun else {}
        ids: list[int] = self._tokenizer(text, verbose=False, **given)["input_ids"]
        return ids

    def after_text(self, prompt: str, continuation: str) -> Scored:
        """Tokenize a raw prompt and what follows it."""
        if not prompt:
            ids: list[int] = self._tokenizer(continuation, add_special_tokens=False, verbose=False)[
                "input_ids"
            ]
            start = self._start
            return (
                Scored([start], ids)
                if start is not None and start not in ids[:1]
                else Scored(ids[:1], ids[1:])
            )
        bare = prompt.rstrip()
        before = self.prompt_ids(bare)
        whole = self.prompt_ids(prompt + continuation)
        return Scored(whole[: len(before)], whole[len(before) :])

    def after_chat(self, messages: Sequence[Message], continuation: str) -> Scored:
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

    @property
    def _start(self) -> int | None:
        """The token that texts begin with."""
        begin: int | None = self._tokenizer.bos_token_id
        end: int | None = self._tokenizer.eos_token_id
        return end if begin is None else begin

    @cached_property
    def _literal(self) -> LiteralTokenizer:
        return LiteralTokenizer(self._tokenizer)

    @cached_property
    def _lead(self) -> str:
        return answer_lead(self._tokenizer)
