"""The data set in the formats of those who train on it, one folder with a file or folder each.

alpaca    alpaca.json: instruction, input, output, system, history as pairs [user, assistant]
sharegpt  sharegpt.json: conversations of turns {from, value}, from being system, human or gpt
messages  messages.jsonl: what OpenAI fine-tunes on, messages of {role, content} and nothing else
trl       prompt_completion.jsonl: TRL's conversational prompt and completion, each a list of messages
datasets  datasets/: Parquet with all columns and a card, which `datasets.load_dataset` opens

dataset_info.json names the first two to LLaMA-Factory (its data/README.md). It wants turns of user and
assistant in pairs, after at most one system turn, and drops other rows with no more than a warning; so
these are rejects of both formats here. Rows stand in the order of their ids in every file.

If the seed's source has columns that nothing read, every record but those of `messages` has them as `extra`,
a JSON object as text: whatever their types, `datasets` opens such a file. '' is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import polars as pl

from evobuild.core import json_lines, tables
from evobuild.core.tables import Instruction, Reject
from evobuild.export import cards, formats
from evobuild.export.formats import DATASETS, FORMATS, Format
from evobuild.export.params import ExportParams


def export_dataset(rows: pl.DataFrame, params: ExportParams, folder: Path, label: str) -> pl.DataFrame:
    """Write a data set into a new folder, in each format that params.export names; give the rejects.

    label: as `core/metrics.py` has it. A reject is a row that is in some of the files only; its detail names
    the formats that lack it.

    Raises BadInput naming a row whose text cannot be written.
    """
    names = params.export.formats
    folder.mkdir()
    ordered = rows.sort("id")
    for name in names:
        if name in FORMATS:
            _write_records(folder, FORMATS[name], ordered)
    if DATASETS in names:
        _write_parquet(folder / DATASETS, ordered, params, label)
    lost = []
    if paired := [name for name in names if name in FORMATS and FORMATS[name].llama_factory]:
        entries = {name: {"file_name": FORMATS[name].file, **FORMATS[name].llama_factory} for name in paired}
        formats.write_dataset_info(folder, entries)
        lost = list(_reject_unpaired(tables.instructions(ordered), paired))
    card = cards.render_exports_card(rows.height, len(lost), params, label)
    (folder / "README.md").write_text(card, encoding="utf-8")
    return tables.frame(tables.REJECTS, lost)


def _reject_unpaired(rows: Iterable[Instruction], names: Sequence[str]) -> Iterator[Reject]:
    for row in rows:
        if not formats.has_paired_turns(row):
            yield Reject(row.id, "turns not in pairs", ", ".join(names), "")


def _write_records(folder: Path, layout: Format, table: pl.DataFrame) -> None:
    with_extra = layout.extra and (table["extra"] != "").any()
    rows = tables.instructions(table)
    fit = (row for row in rows if not layout.llama_factory or formats.has_paired_turns(row))
    records = ((row.id, layout.record(row) | ({"extra": row.extra} if with_extra else {})) for row in fit)
    json_lines.write_json_lines(folder / layout.file, records)


def _write_parquet(folder: Path, rows: pl.DataFrame, params: ExportParams, label: str) -> None:
    (folder / "data").mkdir(parents=True)
    tables.write(folder / "data/train.parquet", rows)
    (folder / "README.md").write_text(cards.render_dataset_card(rows, params, label), encoding="utf-8")
