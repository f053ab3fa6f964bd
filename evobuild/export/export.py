"""Export the dataset in the formats of training libraries, one file or folder each.

alpaca    alpaca.json: instruction, input, output, system, history as pairs [user, assistant]
sharegpt  sharegpt.json: conversations of turns {from, value}, from being system, human or gpt
messages  messages.jsonl: what OpenAI fine-tunes on, messages of {role, content} and nothing else (a line with
          another field is refused: "contains an extra …"); messages.ids.txt has the ids in the same order
trl       prompt_completion.jsonl: TRL's conversational prompt and completion, each a list of messages
datasets  datasets/: Parquet with all columns, which `datasets.load_dataset` opens

dataset_info.json names the first two to LLaMA-Factory (its data/README.md). It wants turns of user and
assistant in pairs, after at most one system turn, and drops other rows with no more than a warning; so
these are rejects of both formats here. Every file is sorted by id.

Every record except those of `messages` has the `id` of its row. Unread columns of the seed's source are in
`extra`, a JSON object as text, which `datasets` can open whatever their types; '' without such columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from evobuild.core import json_files, tables
from evobuild.core.instructions import INSTRUCTIONS, Instruction, stream_instructions
from evobuild.core.json_files import Record
from evobuild.core.rejects import Reject
from evobuild.core.table_writer import TableWriter
from evobuild.core.tables import write_stream
from evobuild.export import formats
from evobuild.export.formats import DATASETS, FORMATS, IDS, Format


def export_dataset(dataset: Path, names: Sequence[str], folder: Path, rejects: TableWriter) -> None:
    """Write a data set into a new folder, in each format that is named; some rows at a time are in memory.

    A reject is a row that is in some of the files only; its detail names the formats that lack it.

    Raises BadInput naming a row whose text cannot be written.
    """
    folder.mkdir()
    with_extra = has_extra(dataset)
    for name in names:
        if name in FORMATS:
            _write_records(folder, FORMATS[name], dataset, with_extra)
    if DATASETS in names:
        _write_parquet(folder / DATASETS, dataset)
    if paired := [name for name in names if name in FORMATS and FORMATS[name].llama_factory]:
        entries = {name: {"file_name": FORMATS[name].file, **FORMATS[name].llama_factory} for name in paired}
        formats.write_dataset_info(folder, entries)
        _, rows = stream_instructions(dataset)
        for row in rows:
            if not formats.has_paired_turns(row):
                rejects.append(Reject(row.id, "turns not in pairs", ", ".join(paired), ""))


def has_extra(dataset: Path) -> bool:
    """Whether any row has other columns of its source."""
    extra = tables.scan(dataset, INSTRUCTIONS, ["extra"])
    return bool(tables.collect(dataset, extra.select((pl.col("extra") != "").any())).item())


def _write_records(folder: Path, layout: Format, dataset: Path, with_extra: bool) -> None:
    _, rows = stream_instructions(dataset)
    fit = (row for row in rows if not layout.llama_factory or formats.has_paired_turns(row))
    records = ((row.id, _own_fields(row, layout, with_extra) | layout.record(row)) for row in fit)
    json_files.write_json_lines(folder / layout.file, records)
    if layout.strict:
        with (folder / IDS).open("w", encoding="utf-8") as file:
            for rows_ in tables.batches(dataset, INSTRUCTIONS, ["id"]):
                file.writelines(f"{key}\n" for key in rows_["id"])


def _own_fields(row: Instruction, layout: Format, with_extra: bool) -> Record:
    return {} if layout.strict else {"id": row.id} | ({"extra": row.extra} if with_extra else {})


def _write_parquet(folder: Path, dataset: Path) -> None:
    """One file, whatever the table is: those who read it know nothing of parts."""
    (folder / "data").mkdir(parents=True)
    write_stream(folder / "data/train.parquet", tables.scan(dataset, INSTRUCTIONS))
