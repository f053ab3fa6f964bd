"""The data set in the formats of those who train on it, one folder with a file or folder each.

alpaca    alpaca.json: instruction, input, output, system, history as pairs [user, assistant]
sharegpt  sharegpt.json: conversations of turns {from, value}, from being system, human or gpt
messages  messages.jsonl: what OpenAI fine-tunes on, messages of {role, content} and nothing else
trl       prompt_completion.jsonl: TRL's conversational prompt and completion, each a list of messages
datasets  datasets/: Parquet with all columns and a card, which `datasets.load_dataset` opens

dataset_info.json names the first two to LLaMA-Factory (its data/README.md). It wants turns of user and
assistant in pairs, after at most one system turn, and drops other rows with no more than a warning; so
these are rejects of both formats here. Rows stand in the order of their ids in every file.

Instruction and input are one turn, as the responder and the tuned model see them; only alpaca keeps them
apart, and LLaMA-Factory joins them by a line end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import polars as pl

from evobuild.core import json_lines, tables
from evobuild.core.chat import Message
from evobuild.core.conversation import chat_messages
from evobuild.core.json_lines import Record
from evobuild.core.params import Params
from evobuild.core.tables import Instruction, Reject
from evobuild.export import cards

SPEAKERS = {"system": "system", "user": "human", "assistant": "gpt"}
IN_PAIRS = ("alpaca", "sharegpt")
"""Formats whose turns must go in pairs of user and assistant."""

LLAMA_FACTORY = {
    "alpaca": {
        "file_name": "alpaca.json",
        "columns": {
            "prompt": "instruction",
            "query": "input",
            "response": "output",
            "system": "system",
            "history": "history",
        },
    },
    "sharegpt": {
        "file_name": "sharegpt.json",
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
}
"""What dataset_info.json says of a format; the data set is called evobuild_<format> there."""


def export(rows: pl.DataFrame, params: Params, folder: Path) -> pl.DataFrame:
    """Write a data set into a new folder, in each format that params.export names; give the rejects.

    A reject is a row that is in some of the files only; its detail names the formats that lack it.

    Raises BadInput naming a row whose text cannot be written.
    """
    formats = params.export.formats
    folder.mkdir()
    ordered = rows.sort("id")
    paired = [name for name in formats if name in IN_PAIRS]
    lost = [
        Reject(row.id, "turns not in pairs", ", ".join(paired), "")
        for row in tables.instructions(ordered)
        if paired and not in_pairs(row)
    ]
    for name in formats:
        if name in WRITERS:
            _write(folder / WRITERS[name][0], name, tables.instructions(ordered))
    if paired:
        entries = {f"evobuild_{name}": LLAMA_FACTORY[name] for name in paired}
        tables.write_json(folder / "dataset_info.json", entries)
    if "datasets" in formats:
        (folder / "datasets/data").mkdir(parents=True)
        tables.write(folder / "datasets/data/train.parquet", ordered)
        card = cards.data_set(ordered, params)
        (folder / "datasets/README.md").write_text(card, encoding="utf-8")
    (folder / "README.md").write_text(cards.folder(rows.height, len(lost), params), encoding="utf-8")
    return tables.frame(tables.REJECTS, lost)


def in_pairs(row: Instruction) -> bool:
    """Whether a history is one system turn or none, and then pairs of user and assistant."""
    roles = [role for role, _ in _after_system(row)]
    return roles == ["user", "assistant"] * (len(roles) // 2)


def _after_system(row: Instruction) -> Sequence[tuple[str, str]]:
    return row.history[1:] if row.history and row.history[0][0] == "system" else row.history


def _alpaca(row: Instruction) -> Record:
    turns = [content for _, content in _after_system(row)]
    return {
        "instruction": row.instruction,
        "input": row.input,
        "output": row.output,
        "system": row.history[0][1] if len(turns) < len(row.history) else "",
        "history": [list(pair) for pair in zip(turns[::2], turns[1::2], strict=True)],
    }


def _sharegpt(row: Instruction) -> Record:
    return {"conversations": [{"from": SPEAKERS[turn.role], "value": turn.content} for turn in _turns(row)]}


def _messages(row: Instruction) -> Record:
    return {"messages": [turn._asdict() for turn in _turns(row)]}


def _prompt_completion(row: Instruction) -> Record:
    turns = [turn._asdict() for turn in _turns(row)]
    return {"prompt": turns[:-1], "completion": turns[-1:]}


def _turns(row: Instruction) -> tuple[Message, ...]:
    return (*chat_messages(row), Message("assistant", row.output))


WRITERS: dict[str, tuple[str, Callable[[Instruction], Record]]] = {
    "alpaca": ("alpaca.json", _alpaca),
    "sharegpt": ("sharegpt.json", _sharegpt),
    "messages": ("messages.jsonl", _messages),
    "trl": ("prompt_completion.jsonl", _prompt_completion),
}


def _write(path: Path, name: str, rows: Iterable[Instruction]) -> None:
    record = WRITERS[name][1]
    fit = (row for row in rows if name not in IN_PAIRS or in_pairs(row))
    json_lines.write_json_lines(path, ((row.id, record(row)) for row in fit))
