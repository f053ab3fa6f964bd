"""A row as a conversation: the same words for the responder, the data set, training and evaluation."""

from __future__ import annotations

from evobuild.core.chat import Message
from evobuild.core.prompts import render
from evobuild.core.tables import Instruction


def chat_messages(row: Instruction) -> tuple[Message, ...]:
    """The conversation that ends with a row's instruction and input, as chat messages."""
    asked = render("respond/answer.jinja", instruction=row.instruction, input=row.input)
    return (*(Message(role, content) for role, content in row.history), Message("user", asked))  # type: ignore[arg-type]
