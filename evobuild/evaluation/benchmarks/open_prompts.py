"""Open prompts: any of them, answered and not scored, for a judge to see two models' answers side by side.

Items: records with a prompt or an instruction, to which an input may belong, or with the messages of a
conversation whose last user turn is answered anew. An id may be given; else it is a hash of what is asked.
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
    Ask,
    Benchmark,
    Item,
    Scored,
    Settings,
    Tools,
    last_prompt,
    unique_items,
)
from evobuild.seeds.conversations import Turns, read_exchanges
from evobuild.seeds.fields import Record, json_kind, listed_fields, text_field
from evobuild.seeds.records import read_records


class OpenPrompts(Benchmark[Settings]):
    """A row for each reply; its score is unknown, and there are no figures."""

    prompts = (PLAIN,)

    def read_items(self) -> list[Item]:
        """Read the prompts."""
        file = Path(self.items_file)
        return unique_items(
            ((place, _item(record, place)) for place, record in read_records(file)), str(file)
        )

    def asks(self, item: Item, replies: Sequence[Reply]) -> Sequence[Ask]:
        """Ask once."""
        return () if replies else (Ask(item.content["messages"], self.settings.sampling(self.seed)),)

    def score(self, answers: Sequence[Answer], tools: Tools) -> Iterator[Scored]:
        """Keep the replies."""
        for answer in answers:
            yield Scored(answer.item, last_prompt(answer.asks[0]), answer.replies[0].text, None)

    def figures(self, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        """None: what replies are worth a judge says who sees them side by side."""
        return {}


def _item(record: Record, place: str) -> Item:
    history, instruction = _asked(record, place)
    given = text_field(record, ("input",), place)
    if not instruction.strip():
        raise BadInput(
            f"{place}: nothing is asked, its fields are {listed_fields(record)}; "
            "expected text in 'prompt', 'instruction' or 'messages'"
        )
    asked = Message("user", render_prompt(PLAIN, instruction=instruction, input=given, strategy=""))
    turns = tuple(Message(role, content) for role, content in history)  # type: ignore[arg-type]
    identity = _identity(record, place) or content_id(history, instruction, given)
    return Item(identity, text_field(record, ("category",), place), {"messages": (*turns, asked)})


def _asked(record: Record, place: str) -> tuple[Turns, str]:
    if "messages" not in record:
        return (), text_field(record, ("prompt", "instruction"), place)
    *_, last = read_exchanges(record, "messages", place)
    return last.history, last.instruction


def _identity(record: Record, place: str) -> str:
    value = record.get("id")
    if value is None or (isinstance(value, str | int) and not isinstance(value, bool)):
        return "" if value is None else str(value)
    raise BadInput(f"{place}: 'id' is {json_kind(value)}; expected a number or text")
