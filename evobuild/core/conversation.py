"""A row as a conversation: the same words for the data set, training and evaluation, and for most answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jinja2 import TemplateError

from evobuild.core.chat import Message
from evobuild.core.errors import BadInput
from evobuild.core.prompts import render
from evobuild.core.tables import Instruction

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

PLAIN = "respond/answer.jinja"
"""The template of a user turn without any words of ours."""


def chat_messages(row: Instruction, template: str = PLAIN) -> tuple[Message, ...]:
    """The conversation that ends with a row's instruction and input, as chat messages.

    template: of the last turn; it is given `instruction`, `input` and `strategy`.

    Raises BadInput as `render` does.
    """
    asked = render(template, instruction=row.instruction, input=row.input, strategy=row.strategy)
    return (*(Message(role, content) for role, content in row.history), Message("user", asked))  # type: ignore[arg-type]


def prompt_ids(tokenizer: PreTrainedTokenizerBase, row: Instruction) -> list[int]:
    """Token ids of what stands before the answer, as the tuned model sees it.

    Raises BadInput if the chat template refuses the conversation.
    """
    turns = [message._asdict() for message in chat_messages(row)]
    try:
        ids: list[int] = tokenizer.apply_chat_template(
            turns, add_generation_prompt=True, tokenize=True, return_dict=False
        )
    except TemplateError as error:
        raise BadInput(f"row {row.id}: the base model's chat template refuses it: {error}") from error
    return ids
