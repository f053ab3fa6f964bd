"""The data set in the formats of those who train on it, one folder with a file or folder each.

alpaca    alpaca.json: instruction, input, output, system, history as pairs [user, assistant]
sharegpt  sharegpt.json: conversations of turns {from, value}, from being system, human or gpt
messages  messages.jsonl: what OpenAI fine-tunes on, messages of {role, content} and nothing else (a line with
          another field is refused: "contains an extra …"); messages.ids.txt has the ids in the same order
trl       prompt_completion.jsonl: TRL's conversational prompt and completion, each a list of messages
datasets  datasets/: Parquet with all columns, which `datasets.load_dataset` opens

dataset_info.json names the first two to LLaMA-Factory (its data/README.md). It wants turns of user and
assistant in pairs, after at most one system turn, and drops other rows with no more than a warning; so
these are rejects of both formats here. Rows stand in the order of their ids in every file.

Every record but those of `messages` has the `id` of its row. If the seed's source has columns that nothing
read, it has them as `extra`, a JSON object as text: whatever their types, `datasets` opens such a file. '' is
none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import polars as pl

from evobuild.core import json_lines, tables
from evobuild.core.json_lines import Record
from evobuild.core.tables import Instruction, Reject
from evobuild.export import formats
from evobuild.export.formats import DATASETS, FORMATS, IDS, Format


def export_dataset(rows: pl.DataFrame, names: Sequence[str], folder: Path) -> pl.DataFrame:
    """Write a data set into a new folder, in each format that is named; give the rejects.

    A reject is a row that is in some of the files only; its detail names the formats that lack it.

    Raises BadInput naming a row whose text cannot be written.
    """
    folder.mkdir()
    ordered = rows.sort("id")
    for name in names:
        if name in FORMATS:
            _write_records(folder, FORMATS[name], ordered)
    if DATASETS in names:
        _write_parquet(folder / DATASETS, ordered)
    lost = []
    if paired := [name for name in names if name in FORMATS and FORMATS[name].llama_factory]:
        entries = {name: {"file_name": FORMATS[name].file, **FORMATS[name].llama_factory} for name in paired}
        formats.write_dataset_info(folder, entries)
        lost = list(_reject_unpaired(tables.instructions(ordered), paired))
    return tables.frame(tables.REJECTS, lost)


def _reject_unpaired(rows: Iterable[Instruction], names: Sequence[str]) -> Iterator[Reject]:
    for row in rows:
        if not formats.has_paired_turns(row):
            yield Reject(row.id, "turns not in pairs", ", ".join(names), "")


def _write_records(folder: Path, layout: Format, table: pl.DataFrame) -> None:
    with_extra = not layout.strict and (table["extra"] != "").any()
    rows = tables.instructions(table)
    fit = (row for row in rows if not layout.llama_factory or formats.has_paired_turns(row))
    records = ((row.id, _own_fields(row, layout, with_extra) | layout.record(row)) for row in fit)
    json_lines.write_json_lines(folder / layout.file, records)
    if layout.strict:
        (folder / IDS).write_text("".join(f"{key}\n" for key in table["id"]), encoding="utf-8")


def _own_fields(row: Instruction, layout: Format, with_extra: bool) -> Record:
    return {} if layout.strict else {"id": row.id} | ({"extra": row.extra} if with_extra else {})


def _write_parquet(folder: Path, rows: pl.DataFrame) -> None:
    (folder / "data").mkdir(parents=True)
    tables.write(folder / "data/train.parquet", rows)
