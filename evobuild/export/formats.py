"""Rows in the formats of those who train on them: one record each, as its trainer reads it.

Instruction and input are one turn, as the tuned model sees them; only Alpaca keeps them apart, and
LLaMA-Factory joins them by a line end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from evobuild.core.chat import Message
from evobuild.core.conversation import chat_messages
from evobuild.core.instructions import Instruction
from evobuild.core.json_files import Record, write_json

SPEAKERS = {"system": "system", "user": "human", "assistant": "gpt"}
"""ShareGPT's names of the roles."""


def alpaca_record(row: Instruction) -> Record:
    """Lay a row out as Alpaca does; history: pairs [user, assistant]."""
    turns = [content for _, content in _drop_system_turn(row)]
    return {
        "instruction": row.instruction,
        "input": row.input,
        "output": row.output,
        "system": row.history[0][1] if len(turns) < len(row.history) else "",
        "history": [list(pair) for pair in zip(turns[::2], turns[1::2], strict=True)],
    }


def sharegpt_record(row: Instruction) -> Record:
    """Lay a row out as ShareGPT does: a list of turns, see `sharegpt_turn`."""
    return {"conversations": [sharegpt_turn(turn) for turn in build_messages(row)]}


def messages_record(row: Instruction) -> Record:
    """Lay a row out as OpenAI fine-tunes on it: messages of {role, content} and nothing else."""
    return {"messages": [turn._asdict() for turn in build_messages(row)]}


def prompt_completion_record(row: Instruction) -> Record:
    """Lay a row out as TRL's conversational prompt and completion, each a list of messages."""
    turns = [turn._asdict() for turn in build_messages(row)]
    return {"prompt": turns[:-1], "completion": turns[-1:]}


def build_messages(row: Instruction) -> tuple[Message, ...]:
    """Give the messages of a row's conversation, its answer the last."""
    return (*chat_messages(row), Message("assistant", row.output))


def sharegpt_turn(turn: Message) -> dict[str, str]:
    """Lay a message out as ShareGPT does: {"from": "human", "value": "Name a river."}."""
    return {"from": SPEAKERS[turn.role], "value": turn.content}


def has_paired_turns(row: Instruction) -> bool:
    """Whether a history is one system turn or none, and then pairs of user and assistant."""
    roles = [role for role, _ in _drop_system_turn(row)]
    return roles == ["user", "assistant"] * (len(roles) // 2)


def _drop_system_turn(row: Instruction) -> Sequence[tuple[str, str]]:
    return row.history[1:] if row.history and row.history[0][0] == "system" else row.history


def write_dataset_info(folder: Path, entries: Mapping[str, Mapping[str, Any]]) -> None:
    """Write dataset_info.json, by which LLaMA-Factory finds files (its data/README.md).

    entries: what it says of each data set, by a name that evobuild_ is put before.
    """
    named = {f"evobuild_{name}": entry for name, entry in entries.items()}
    write_json(folder / "dataset_info.json", named)


_TURNS = pl.List(pl.Struct({"role": pl.String, "content": pl.String}))


class Format(NamedTuple):
    """A format of export. file: what it is written to. record: how a row is laid out in it.

    fields: of a record, with their types. about: what its card says of it. llama_factory: what
    dataset_info.json says of it, {} if LLaMA-Factory is not to read it; where it is, turns go in pairs, and
    the data set is called evobuild_<format>. strict: whether its reader refuses other fields; else records
    have `id`, and `extra` if any row has some.
    """

    file: str
    record: Callable[[Instruction], Record]
    fields: Mapping[str, pl.DataType | type[pl.DataType]]
    about: str
    llama_factory: Mapping[str, Any] = {}
    strict: bool = False

    def columns(self, with_extra: bool) -> pl.Schema:
        """All fields of a record. with_extra: whether any row has other columns of the source."""
        own = () if self.strict else ("id", "extra") if with_extra else ("id",)
        return pl.Schema({**dict.fromkeys(own, pl.String), **self.fields})


FORMATS = {
    "alpaca": Format(
        "alpaca.json",
        alpaca_record,
        {
            **dict.fromkeys(("instruction", "input", "output", "system"), pl.String),
            "history": pl.List(pl.List(pl.String)),
        },
        "Alpaca's columns, LLaMA-Factory's `evobuild_alpaca`",
        {
            "columns": {
                "prompt": "instruction",
                "query": "input",
                "response": "output",
                "system": "system",
                "history": "history",
            },
        },
    ),
    "sharegpt": Format(
        "sharegpt.json",
        sharegpt_record,
        {"conversations": pl.List(pl.Struct({"from": pl.String, "value": pl.String}))},
        "ShareGPT's turns, LLaMA-Factory's `evobuild_sharegpt`",
        {
            "formatting": "sharegpt",
            "columns": {"messages": "conversations"},
            "tags": {
                "role_tag": "from",
                "content_tag": "value",
                "user_tag": "human",
                "assistant_tag": "gpt",
                "system_tag": "system",
            },
        },
    ),
    "messages": Format(
        "messages.jsonl", messages_record, {"messages": _TURNS}, "OpenAI's messages", strict=True
    ),
    "trl": Format(
        "prompt_completion.jsonl",
        prompt_completion_record,
        {"prompt": _TURNS, "completion": _TURNS},
        "TRL's prompts and completions",
    ),
}
"""By the name in `export.formats`; beside them there is `datasets`, a folder with all columns."""

DATASETS = "datasets"
IDS = "messages.ids.txt"
"""The id of each row of `messages`, a line each, whose own lines may hold none."""
