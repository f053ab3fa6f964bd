"""Records out of the files users bring: JSON, JSON Lines, CSV and Parquet, told apart by suffix.

.json                an array of objects; or one object per line, if that is what the file turns out to hold
.jsonl               one object per line; blank lines are passed over
.json.gz, .jsonl.gz  the same, compressed
.csv                 comma-separated with a header row; cells are text, an empty or lacking cell is null
.parquet             any columns

Text is UTF-8, with or without a byte order mark. A place is `seeds.jsonl:17` (line 17) in files of lines and
`alpaca.json[16]` (index 16, from 0) in arrays and tables. Failure is whatever keeps a record from being read
whole: it raises BadInput with the place, and no record is passed over.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.core.errors import BadInput
from evobuild.core.json_lines import SURROGATE, check_characters, parse_json, read_json_lines
from evobuild.core.table_size import check_table_size
from evobuild.core.text_files import decode_utf8, opened_file
from evobuild.seeds.fields import Record, json_kind, listed_fields

if TYPE_CHECKING:
    import polars

DUPLICATED = re.compile(r"(.*)_duplicated_\d+")  # how polars renames a column whose name is taken
ROWS_PER_SLICE = 8192  # rows of a table that are Python objects at a time


def read_records(path: Path) -> Iterator[tuple[str, Record]]:
    """Read the records of a file, each with its place.

    Yields in file order, e.g. ("seeds.jsonl:17", {"instruction": "Name three colours."}); at least one.

    Raises BadInput on the first thing that cannot be read, and if there is no record.
    """
    with opened_file(path):  # a missing file or a folder is said before a strange suffix
        read_container = _container(path)
    record = None
    for place, record in read_container(path):
        if not isinstance(record, dict):
            raise BadInput(
                f"{place}: the record is {json_kind(record)}; expected an object with named fields"
            )
        yield place, record
    if record is None:
        raise BadInput(f"{path}: holds no records; expected at least one")


def _container(path: Path) -> Callable[[Path], Iterator[tuple[str, object]]]:
    """Choose the reader of a file by its suffix, whatever its case; raises BadInput if there is none."""
    readers = {
        ".json": _read_json,
        ".jsonl": read_json_lines,
        ".json.gz": _read_json,
        ".jsonl.gz": read_json_lines,
        ".csv": _read_csv,
        ".parquet": _read_parquet,
    }
    suffixes = [suffix.lower() for suffix in path.suffixes]
    ending = "".join(suffixes[-2:] if suffixes[-1:] == [".gz"] else suffixes[-1:])
    if ending not in readers:
        raise BadInput(f"{path}: unknown suffix {ending!r}; expected one of {', '.join(readers)}")
    return readers[ending]


def _read_json(path: Path) -> Iterator[tuple[str, object]]:
    """Read an array of records, or lines of records, as the first line shows."""
    with opened_file(path) as file:
        text = decode_utf8(file.read(), path)
    if not text.strip():
        raise BadInput(f"{path}: is empty; expected a JSON array of records")
    if _holds_lines(text):
        yield from read_json_lines(path)
        return
    records = parse_json(text, path)
    if not isinstance(records, list):
        fields = f" with the fields {listed_fields(records)}" if isinstance(records, dict) else ""
        raise BadInput(
            f"{path}: holds {json_kind(records)}{fields}; expected an array of records, or one per line"
        )
    escaped = SURROGATE.search(text) is not None
    for index, record in enumerate(records):
        place = f"{path.name}[{index}]"
        if escaped:
            check_characters(record, place)
        yield place, record


def _holds_lines(text: str) -> bool:
    """Tell whether a .json file is JSON Lines: its first line is an object, and more follows."""
    if not text.lstrip().startswith("{"):
        return False
    first, _, rest = text.lstrip().partition("\n")
    try:
        return bool(rest.strip()) and isinstance(json.loads(first), dict)
    except (ValueError, RecursionError):  # parsing the whole then says what is wrong, and where
        return False


def _read_csv(path: Path) -> Iterator[tuple[str, object]]:
    """Read the rows of a CSV file, every cell as text."""
    import polars

    with opened_file(path) as file:
        data = file.read()
    if not decode_utf8(data, path).strip():
        raise BadInput(f"{path}: is empty; expected a header row and records")
    try:
        frame = polars.read_csv(data, infer_schema=False)
    except (polars.exceptions.PolarsError, polars.exceptions.PanicException) as error:
        raise BadInput(f"{path}: not CSV: {str(error)[:200].partition(chr(10))[0]}") from None
    frame.columns = _header(frame.columns, path)
    yield from _rows_of(frame, path)


def _header(columns: list[str], path: Path) -> list[str]:
    """Strip the names of columns; raises BadInput if none has a name or two have the same."""
    names = [(found[1] if (found := DUPLICATED.fullmatch(name)) else name).strip() for name in columns]
    if not any(names):
        raise BadInput(f"{path}: the header row has no column names; expected e.g. instruction,input,output")
    if twice := sorted({name for name in names if name and names.count(name) > 1}):
        raise BadInput(f"{path}: the header row has {listed_fields(twice)} twice or more; expected it once")
    return [name or f"column {index}" for index, name in enumerate(names)]


def _read_parquet(path: Path) -> Iterator[tuple[str, object]]:
    """Read the rows of a Parquet file."""
    import polars

    check_table_size(path)
    try:
        frame = polars.read_parquet(path, glob=False, hive_partitioning=False)
    except (polars.exceptions.PolarsError, polars.exceptions.PanicException, OSError) as error:
        raise BadInput(f"{path}: not Parquet: {str(error)[:200].partition(chr(10))[0]}") from None
    yield from _rows_of(frame, path)


def _rows_of(frame: polars.DataFrame, path: Path) -> Iterator[tuple[str, object]]:
    """Yield the rows of a table as records, a slice at a time."""
    for start, piece in enumerate(frame.iter_slices(ROWS_PER_SLICE)):
        for index, row in enumerate(piece.to_dicts(), start * ROWS_PER_SLICE):
            yield f"{path.name}[{index}]", row
