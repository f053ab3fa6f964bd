"""A row as a conversation: the same words for the data set, training and evaluation, and for most answers."""

from __future__ import annotations

from evobuild.core.chat import Message
from evobuild.core.instructions import Instruction
from evobuild.core.prompts import render_prompt

PLAIN = "respond/answer.jinja"
"""The template of a user turn without any words of ours."""


def chat_messages(row: Instruction, template: str = PLAIN) -> tuple[Message, ...]:
    """Build the conversation that ends with a row's instruction and input, as chat messages.

    template: of the last turn; it is given `instruction`, `input` and `strategy`.

    Raises BadInput as `render_prompt` does.
    """
    asked = render_prompt(template, instruction=row.instruction, input=row.input, strategy=row.strategy)
    return (*(Message(role, content) for role, content in row.history), Message("user", asked))  # type: ignore[arg-type]
