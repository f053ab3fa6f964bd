"""Generate replies to open prompts without scoring, for a judge to compare two models.

Items: records with a prompt or an instruction, optionally with an input, or with the messages of a
conversation whose last user turn is answered anew. The id is optional; by default it is a hash of the prompt.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from evobuild.core.chat import Message, Reply
from evobuild.core.conversation import PLAIN
from evobuild.core.errors import BadInput
from evobuild.core.instructions import content_id
from evobuild.core.prompts import render_prompt
from evobuild.evaluation.benchmark import (
    Answer,
    Benchmark,
    Item,
    ModelRequest,
    Scored,
    Settings,
    Tools,
    collect_items,
    last_message,
)
from evobuild.seeds.conversations import Turns, read_exchanges
from evobuild.seeds.fields import Record, format_fields, json_kind, text_field
from evobuild.seeds.records import read_records


class OpenPrompts(Benchmark[Settings]):
    """Yield one row per reply, with unknown score; there are no metrics."""

    prompts = (PLAIN,)

    def read_items(self) -> list[Item]:
        """Read the prompts."""
        file = Path(self.items_file)
        return collect_items(
            ((place, _item(record, place)) for place, record in read_records(file)), str(file)
        )

    def next_requests(self, item: Item, replies: Sequence[Reply]) -> Sequence[ModelRequest]:
        """Return one request."""
        return () if replies else (ModelRequest(item.content["messages"], self.settings.sampling(self.seed)),)

    def score_items(self, answers: Sequence[Answer], tools: Tools) -> Iterator[Scored]:
        """Yield the replies, unscored."""
        for answer in answers:
            yield Scored(answer.item, last_message(answer.asks[0]), answer.replies[0].text, None)

    def compute_metrics(self, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        """Return no metrics: `compare` has a judge compare the replies of two models."""
        return {}


def _item(record: Record, place: str) -> Item:
    history, instruction = _read_prompt(record, place)
    given = text_field(record, ("input",), place)
    if not instruction.strip():
        raise BadInput(
            f"{place}: no prompt, only the fields {format_fields(record)}; "
            "expected text in 'prompt', 'instruction' or 'messages'"
        )
    asked = Message("user", render_prompt(PLAIN, instruction=instruction, input=given, strategy=""))
    turns = tuple(Message(role, content) for role, content in history)  # type: ignore[arg-type]
    identity = _identity(record, place) or content_id(history, instruction, given)
    return Item(identity, text_field(record, ("category",), place), {"messages": (*turns, asked)})


def _read_prompt(record: Record, place: str) -> tuple[Turns, str]:
    if "messages" not in record:
        return (), text_field(record, ("prompt", "instruction"), place)
    *_, last = read_exchanges(record, "messages", place)
    return last.history, last.instruction


def _identity(record: Record, place: str) -> str:
    value = record.get("id")
    if value is None or (isinstance(value, str | int) and not isinstance(value, bool)):
        return "" if value is None else str(value)
    raise BadInput(f"{place}: 'id' is {json_kind(value)}; expected a number or text")
