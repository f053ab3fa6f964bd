"""Estimate the lengths of training examples, in tokens, without rendering them.

Tokens are counted by the base's own tokenizer if it is in a local folder, else four characters make a token.
The tokens of a chat template are not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl

from evobuild.core import tables
from evobuild.core.errors import require
from evobuild.core.instructions import (
    INSTRUCTIONS,
    PREFERENCES,
    Instruction,
    iterate_instructions,
    preference_pairs,
)
from evobuild.core.table_parts import part_files

SAMPLE = 1000
"""Rows that are measured, spread evenly over the table."""
CHARACTERS_A_TOKEN = 4


def sample_lengths(rows: Path, tokenizer: Path) -> list[int]:
    """Return the tokens of each example of a sample, two per preference pair; [] without a table.

    rows: of INSTRUCTIONS or PREFERENCES. tokenizer: a tokenizer.json, which may be missing.

    Raises BadInput if rows cannot be read.
    """
    if not rows.exists():
        return []
    pairs = "rejected" in pl.read_parquet_schema(part_files(rows)[0])
    schema = PREFERENCES if pairs else INSTRUCTIONS
    every = max(1, tables.height(rows, schema) // SAMPLE)
    sample = tables.collect(rows, tables.scan(rows, schema).gather_every(every))
    count = _build_counter(tokenizer)
    return [count(text) for text in _iterate_texts(sample, pairs)]


def _iterate_texts(sample: pl.DataFrame, pairs: bool) -> Iterator[str]:
    for row in iterate_instructions(sample):
        yield _join_text(row)
    if pairs:
        for pair in preference_pairs(sample):
            yield _join_text(pair.row._replace(output=pair.rejected))


def _join_text(row: Instruction) -> str:
    turns = (content for _, content in row.history)
    return "\n".join(filter(None, (*turns, row.instruction, row.input, row.output)))


def _build_counter(tokenizer: Path) -> Callable[[str], int]:
    if not tokenizer.is_file():
        return lambda text: len(text) // CHARACTERS_A_TOKEN
    loaded = require("tokenizers", "train").Tokenizer.from_file(str(tokenizer))
    return lambda text: len(loaded.encode(text, add_special_tokens=False).ids)
