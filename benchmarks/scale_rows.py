"""Instruction tables of any size for the benchmarks of scale: Alpaca's rows over and over, each another one.

Without EVOBUILD_REAL_DATA the shipped sample is repeated in its place.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from evobuild.core.instructions import INSTRUCTIONS, Instruction, content_id, row_id
from evobuild.core.table_writer import TableWriter
from evobuild.seeds import formats

ROOT = Path(__file__).parent.parent


def source() -> Path:
    """The file that rows are made of."""
    data = os.environ.get("EVOBUILD_REAL_DATA")
    return Path(data, "alpaca/alpaca_data.json") if data else ROOT / "data/raw/sample.jsonl"


def many_rows(count: int) -> Iterator[Instruction]:
    """Yield rows of r0 repeatedly: the n-th copy of a row ends with "(variant n)"."""
    given = list(formats.read_seed_rows(source()))
    for place in range(count):
        row, copy = given[place % len(given)], place // len(given)
        text = f"{row.instruction} (variant {copy})"
        content = content_id(row.history, text, row.input)
        own = row_id("r0", "", f"{place} {content}")
        asked = (row.domain or "chat", row.history, text, row.input, row.output)
        yield Instruction(own, content, own, "", "r0", *asked, seed_place=place)


def write_rows(path: Path, count: int) -> None:
    """Write a table of this many rows, in parts above a million."""
    made = TableWriter(path, INSTRUCTIONS)
    for row in many_rows(count):
        made.append(row)
    made.write()
