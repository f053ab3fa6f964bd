"""Count the records in the files of the exports, without building them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import polars as pl

from evobuild.contracts.hashed_ids import hash_columns
from evobuild.core import tables
from evobuild.core.errors import BadInput
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.core.rejects import REJECTS
from evobuild.core.text_files import read_text
from evobuild.export.formats import DATASETS, FORMATS, IDS

_ID = re.compile(rb'"id": "([0-9a-f]{20})"')
"""A key of a record: within its texts each quotation mark has a backslash before it."""
LINES = 10_000
"""Read at once."""
_EXPORTS = pl.Schema(
    {"id": pl.String(), "file": pl.String(), "rows": pl.Int64(), "wanted": pl.Int64(), "missing": pl.Int64(),
     "without_id": pl.Int64(), "repeated": pl.Int64(), "strange": pl.Int64()}
)  # fmt: skip


def exports_table(names: Iterable[str], folder: Path, dataset: Path, rejects: Path) -> pl.DataFrame:
    """Build the table of records of each format. id: the format.

    wanted: rows of the data set that it takes; rejects lack in formats of LLaMA-Factory. without_id:
    records without a row id; repeated, strange: records whose id occurs twice, or is not in the dataset.
    The ids of OpenAI's format are in a separate file.
    """
    known = _hash_id_column(tables.read(dataset, INSTRUCTIONS, ["id"])["id"]).unique()
    unpaired = tables.read(rejects, REJECTS, ["id"]).height
    found = []
    for name in names:
        path = folder / (FORMATS[name].file if name in FORMATS else f"{DATASETS}/data/train.parquet")
        rows, ids = _records(path)
        if name in FORMATS and FORMATS[name].strict:
            ids = _hash_id_column(pl.Series(read_text(folder / IDS).splitlines(), dtype=pl.String))
        wanted = len(known) - (unpaired if name in FORMATS and FORMATS[name].llama_factory else 0)
        file, there = path.relative_to(folder).as_posix(), ids.unique()
        strange = len(there) - there.is_in(known.implode()).sum()
        figures = rows, wanted, wanted - rows, rows - len(ids), len(ids) - len(there), strange
        found.append((name, file, *figures))
    return pl.DataFrame(found, _EXPORTS, orient="row")


def _records(path: Path) -> tuple[int, pl.Series]:
    """How many records a file has, a line each, and the ids that they carry, hashed."""
    if path.suffix == ".parquet":
        ids = tables.read(path, INSTRUCTIONS, ["id"])["id"]
        return len(ids), _hash_id_column(ids)
    rows, found = 0, [pl.Series([], dtype=pl.UInt64)]
    try:
        with path.open("rb") as lines:
            while some := tuple(islice(lines, LINES)):
                rows += sum(line.startswith(b"{") for line in some)
                named = [each.decode() for line in some for each in _ID.findall(line)[:1]]
                found.append(_hash_id_column(pl.Series(named, dtype=pl.String)))
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror or error}") from error
    return rows, pl.concat(found)


def _hash_id_column(ids: pl.Series) -> pl.Series:
    return ids.to_frame("id").select(hash_columns("id")).to_series()
