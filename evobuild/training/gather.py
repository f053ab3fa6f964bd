"""What is trained on: one table, so that a base is tuned anew only if its own rows change.

By `sft` the rows that `select` chose, or all answered rows of a pool: r0 with the seed's own answers is the
baseline of both papers. By `dpo` the preference pairs of a branch (AutoIF, arXiv:2406.13542, section 3.4).
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import polars as pl

from evobuild.core import tables
from evobuild.core.errors import BadInput
from evobuild.core.instructions import INSTRUCTIONS, PREFERENCES
from evobuild.core.table_writer import TableWriter
from evobuild.training.params import DATASET, Method


class Sources(NamedTuple):
    """The data set; folders with the answered rows of each pool, and with the pairs of each branch."""

    dataset: Path
    responses: Path
    preferences: Path


def gather_rows(data: str, method: Method, sources: Sources, into: Path) -> int:
    """Write what `finetune.data` names, and say how many rows: INSTRUCTIONS for sft, PREFERENCES for dpo.

    Raises BadInput if there is no such table, or no row in it.
    """
    folder = sources.responses if method == "sft" else sources.preferences
    path = sources.dataset if (method, data) == ("sft", DATASET) else folder / f"{data}.parquet"
    if not path.exists():
        known = f"'{DATASET}' or one of pools" if method == "sft" else "one of branches"
        raise BadInput(f"params.yaml: finetune.data is '{data}', and {path} does not exist; expected {known}")
    schema = INSTRUCTIONS if method == "sft" else PREFERENCES
    columns = list(tables.scan(path, schema).collect_schema().items())
    gathered = TableWriter(into, pl.Schema(columns))
    for rows in tables.batches(path, schema):
        gathered.extend(rows)
    if not gathered.height:
        pair = "row with an answer that keeps its constraint and one that breaks it"
        what = "row" if method == "sft" else pair
        raise BadInput(f"params.yaml: finetune.data is '{data}', and {path} holds no {what}")
    gathered.write()
    return gathered.height
