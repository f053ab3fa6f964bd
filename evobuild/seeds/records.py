"""Read records from JSON, JSON Lines, CSV and Parquet files, detected by suffix.

.json                an array of objects; or one object per line, if that is what the file turns out to hold
.jsonl               one object per line; blank lines are passed over
.json.gz, .jsonl.gz  the same, compressed
.csv, .tsv           a header row, then text cells, parted by the comma, semicolon or tab that cuts the header
                     into most; an empty or lacking cell is null; blank lines are passed over
.parquet             any columns; a large table may be a folder of parts

Text is UTF-8, with or without a byte order mark. A place is `seeds.jsonl:17` in files of lines and in CSV,
the line on which the record begins, and `alpaca.json[16]` (index 16, from 0) in arrays and Parquet. Failure
is whatever keeps a record from being read whole: it raises BadInput with the place, and no record is passed
over.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from evobuild.core.errors import BadInput
from evobuild.core.json_files import SURROGATE, check_characters, parse_json, read_json_lines
from evobuild.core.suggestions import unknown_name
from evobuild.core.table_parts import part_files
from evobuild.core.table_size import check_table_size
from evobuild.core.text_files import decode_utf8, opened_file
from evobuild.seeds.fields import Record, format_fields, json_kind

DELIMITERS = (",", ";", "\t")
MOST_OF_HEADER = 1 << 20  # characters of it that tell what parts the cells
_EXPORT = dict.fromkeys((".xlsx", ".xls", ".ods"), "; save the sheet as CSV in UTF-8")
ROWS_PER_SLICE = 8192  # rows of a table that are Python objects at a time


def read_records(path: Path) -> Iterator[tuple[str, Record]]:
    """Read the records of a file, each with its place.

    Yields in file order, e.g. ("seeds.jsonl:17", {"instruction": "Name three colours."}); at least one.

    Raises BadInput on the first thing that cannot be read, and if there is no record.
    """
    record = None
    for file in part_files(path) if path.suffix == ".parquet" else [path]:
        with opened_file(file):  # report a missing file or a folder before an unknown suffix
            read_container = _container(file)
        for place, record in read_container(file):
            if not isinstance(record, dict):
                raise BadInput(
                    f"{place}: the record is {json_kind(record)}; expected an object with named fields"
                )
            yield place, record
    if record is None:
        raise BadInput(f"{path}: holds no records; expected at least one")


def _container(path: Path) -> Callable[[Path], Iterator[tuple[str, object]]]:
    """Choose the reader of a file by its suffix, ignoring case. Raises BadInput for an unknown suffix."""
    readers = {
        ".json": _read_json,
        ".jsonl": read_json_lines,
        ".json.gz": _read_json,
        ".jsonl.gz": read_json_lines,
        ".csv": _read_csv,
        ".tsv": _read_csv,
        ".parquet": _read_parquet,
    }
    suffixes = [suffix.lower() for suffix in path.suffixes]
    ending = "".join(suffixes[-2:] if suffixes[-1:] == [".gz"] else suffixes[-1:])
    if ending not in readers:
        raise BadInput(f"{path}: {unknown_name('suffix', ending, readers)}{_EXPORT.get(ending, '')}")
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
        fields = f" with the fields {format_fields(records)}" if isinstance(records, dict) else ""
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
    with opened_file(path) as file:
        text = decode_utf8(file.read(), path)
    lines = _csv_lines(text, path)
    if (first := next(lines, None)) is None:
        raise BadInput(f"{path}: is empty; expected a header row and records")
    header = _header(first[1], path)
    for place, cells in lines:
        if len(cells) > len(header):
            raise BadInput(
                f"{place}: not CSV: {len(cells):,} cells, and the header row has {len(header):,}; "
                "put cells that hold the delimiter in quotes"
            )
        cells += [""] * (len(header) - len(cells))
        yield place, {name: cell or None for name, cell in zip(header, cells, strict=True)}


def _csv_lines(text: str, path: Path) -> Iterator[tuple[str, list[str]]]:
    """The rows of a CSV text that are not blank, each with the place where it begins."""
    csv.field_size_limit(sys.maxsize)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    while True:
        place = f"{path.name}:{rows.line_num + 1}"
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            found = "a quote is never closed" if "unexpected end" in str(error) else str(error)
            wanted = "expected quotes around a whole cell, and doubled within it"
            raise BadInput(f"{place}: not CSV: {found}; {wanted}") from None
        if cells and (len(cells) > 1 or cells[0].strip()):
            yield place, cells


def _delimiter(text: str) -> str:
    """What parts the cells: of comma, semicolon and tab the one that gives the first row most cells."""
    header = text.lstrip("\r\n")[:MOST_OF_HEADER]
    return max(DELIMITERS, key=lambda each: len(_first_row(header, each)))


def _first_row(text: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
    except csv.Error:  # read as a whole, it says what is wrong and where
        return []


def _header(columns: list[str], path: Path) -> list[str]:
    """Strip the names of columns; raises BadInput if none has a name or two have the same."""
    names = [name.strip() for name in columns]
    if not any(names):
        raise BadInput(f"{path}: the header row has no column names; expected e.g. instruction,input,output")
    if twice := sorted(name for name, count in Counter(names).items() if name and count > 1):
        raise BadInput(f"{path}: the header row has {format_fields(twice)} twice or more; expected it once")
    return [name or f"column {index}" for index, name in enumerate(names)]


def _read_parquet(path: Path) -> Iterator[tuple[str, object]]:
    """Read the rows of a Parquet file."""
    import polars

    check_table_size(path)
    index = 0
    try:
        rows = polars.scan_parquet(path, glob=False, hive_partitioning=False)
        for some in rows.collect_batches(chunk_size=ROWS_PER_SLICE):
            for row in some.to_dicts():
                yield f"{path.name}[{index}]", row
                index += 1
    except (polars.exceptions.PolarsError, polars.exceptions.PanicException, OSError) as error:
        raise BadInput(f"{path}: not Parquet: {str(error)[:200].partition(chr(10))[0]}") from None
