"""The data set in the formats of those who train on it, one folder with a file or folder each.

alpaca    alpaca.json: instruction, input, output, system, history as pairs [user, assistant]
sharegpt  sharegpt.json: conversations of turns {from, value}, from being system, human or gpt
messages  messages.jsonl: what OpenAI fine-tunes on, messages of {role, content} and nothing else
trl       prompt_completion.jsonl: TRL's conversational prompt and completion, each a list of messages
datasets  datasets/: Parquet with all columns and a card, which `datasets.load_dataset` opens

dataset_info.json names the first two to LLaMA-Factory (its data/README.md). It wants turns of user and
assistant in pairs, after at most one system turn, and drops other rows with no more than a warning; so
these are rejects of both formats here. Rows stand in the order of their ids in every file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import polars as pl

from evobuild.core import json_lines, tables
from evobuild.core.json_lines import Record
from evobuild.core.tables import Instruction, Reject
from evobuild.export import cards, formats
from evobuild.export.params import ExportParams

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

WRITERS: dict[str, tuple[str, Callable[[Instruction], Record]]] = {
    "alpaca": ("alpaca.json", formats.alpaca_record),
    "sharegpt": ("sharegpt.json", formats.sharegpt_record),
    "messages": ("messages.jsonl", formats.messages_record),
    "trl": ("prompt_completion.jsonl", formats.prompt_completion_record),
}
"""The file of a format, and how a row is laid out in it."""


def export_dataset(rows: pl.DataFrame, params: ExportParams, folder: Path) -> pl.DataFrame:
    """Write a data set into a new folder, in each format that params.export names; give the rejects.

    A reject is a row that is in some of the files only; its detail names the formats that lack it.

    Raises BadInput naming a row whose text cannot be written.
    """
    names = params.export.formats
    folder.mkdir()
    ordered = rows.sort("id")
    for name in names:
        if name in WRITERS:
            _write_records(folder, name, tables.instructions(ordered))
    if "datasets" in names:
        _write_parquet(folder / "datasets", ordered, params)
    lost = []
    if paired := [name for name in names if name in IN_PAIRS]:
        formats.write_dataset_info(folder, {name: LLAMA_FACTORY[name] for name in paired})
        lost = list(_reject_unpaired(tables.instructions(ordered), paired))
    card = cards.render_exports_card(rows.height, len(lost), params)
    (folder / "README.md").write_text(card, encoding="utf-8")
    return tables.frame(tables.REJECTS, lost)


def _reject_unpaired(rows: Iterable[Instruction], names: Sequence[str]) -> Iterator[Reject]:
    for row in rows:
        if not formats.has_paired_turns(row):
            yield Reject(row.id, "turns not in pairs", ", ".join(names), "")


def _write_records(folder: Path, name: str, rows: Iterable[Instruction]) -> None:
    file, record = WRITERS[name]
    fit = (row for row in rows if name not in IN_PAIRS or formats.has_paired_turns(row))
    json_lines.write_json_lines(folder / file, ((row.id, record(row)) for row in fit))


def _write_parquet(folder: Path, rows: pl.DataFrame, params: ExportParams) -> None:
    (folder / "data").mkdir(parents=True)
    tables.write(folder / "data/train.parquet", rows)
    (folder / "README.md").write_text(cards.render_dataset_card(rows, params), encoding="utf-8")
