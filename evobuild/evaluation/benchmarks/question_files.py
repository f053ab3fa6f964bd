"""Read files of multiple-choice questions: the authors' folders of CSV, packed or not, and tables of the hub.

A folder, or a .zip, holds `dev/<subject>_dev.csv`, `val/…` and `test/…`, as MMLU (without a header row) and
C-Eval (with one) are published; a .zip is read in memory and never unpacked. A file of records has
`question`, `subject` (or `config`, as the stage fetch writes it), `choices` or columns `A`, `B`, …, `answer`
as a letter or a number from 0, and `split`; `id` if it has one. Errors are BadInput with the location.
"""

from __future__ import annotations

import csv
import io
import re
import string
import sys
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from evobuild.core.errors import BadInput
from evobuild.core.suggestions import unknown_name
from evobuild.core.text_files import (
    LEAST_BYTES,
    MOST_TIMES,
    decode_utf8,
    opened_file,
    read_text,
    special_kind,
)
from evobuild.evaluation.benchmark import require_text
from evobuild.seeds.fields import Record, json_kind
from evobuild.seeds.records import read_records

SPLITS = {"dev": "dev", "val": "val", "validation": "val", "test": "test"}
LETTERS = string.ascii_uppercase
MOST_MEMBERS = 10_000
"""Maximum files of an archive or a folder."""
_MEMBER = re.compile(r"(?:.{0,200}/)?(dev|val|test)/(\w{1,100})_(dev|val|test)\.csv")


class Question(NamedTuple):
    """One question. answer: its letter, '' if not published. split: dev, val, test, '' if unknown.

    id: unique in its subject and split. place: its location.
    """

    place: str
    subject: str
    split: str
    id: str
    question: str
    choices: tuple[str, ...]
    answer: str

    @property
    def letters(self) -> str:
        """Return the letters of its choices."""
        return LETTERS[: len(self.choices)]


def read_questions(path: Path) -> Iterator[Question]:
    """Read all questions of all splits. Raises BadInput at the first invalid one."""
    if found := special_kind(path):
        raise BadInput(f"{path}: {found}; expected a file or a folder of questions")
    if path.is_dir():
        yield from _read_folder(path)
    elif path.suffix.lower() == ".zip":
        yield from _read_archive(path)
    else:
        counts = Counter[tuple[str, str]]()
        for place, record in read_records(path):
            yield _parse_question(place, record, counts)


def question_tables(folder: Path) -> list[tuple[re.Match[str], Path]]:
    """List the question files of a folder, each with its split and subject."""
    root = folder / "data" if (folder / "data" / "test").is_dir() else folder
    splits = [root / split for split in ("dev", "test", "val")]
    files = [file for split in splits if split.is_dir() for file in sorted(split.iterdir())]
    return [
        (match, file) for file in files if (match := _MEMBER.fullmatch(f"{file.parent.name}/{file.name}"))
    ]


def _read_folder(path: Path) -> Iterator[Question]:
    tables = question_tables(path)
    if not tables:
        raise _no_tables_error(path)
    for match, file in tables:
        yield from _read_csv(file.name, match, read_text(file))


def _read_archive(path: Path) -> Iterator[Question]:
    """Read the members of an archive one by one, in memory, up to a total size relative to the archive's."""
    with opened_file(path) as file:
        try:
            archive = zipfile.ZipFile(file)
            members = [
                (match, info)
                for info in archive.infolist()[:MOST_MEMBERS]
                if (match := _MEMBER.fullmatch(info.filename))
            ]
            room = LEAST_BYTES + MOST_TIMES * path.stat().st_size
            for match, info in sorted(members, key=lambda each: each[1].filename):
                with archive.open(info) as member:
                    data = member.read(room + 1)
                room -= len(data)
                if room < 0:
                    raise BadInput(
                        f"{path}: expands to far more than {MOST_TIMES} times its size; expected questions"
                    )
                name = info.filename.rpartition("/")[2]
                yield from _read_csv(name, match, decode_utf8(data, Path(name)))
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
            raise BadInput(f"{path}: not a readable .zip: {str(error)[:100]}") from None
    if not members:
        raise _no_tables_error(path)


def _no_tables_error(path: Path) -> BadInput:
    return BadInput(
        f"{path}: holds no test/<subject>_test.csv and no dev/<subject>_dev.csv; expected such files"
    )


def _read_csv(name: str, match: re.Match[str], text: str) -> Iterator[Question]:
    split, subject, _ = match.groups()
    csv.field_size_limit(sys.maxsize)
    rows = csv.reader(io.StringIO(text, newline=""))
    header: list[str] | None = None
    counts = Counter[tuple[str, str]]()
    try:
        for number, cells in enumerate(rows):
            place = f"{name}:{rows.line_num}"
            if not number and "question" in cells and "A" in cells:
                header = cells
            elif any(cells):
                record = _label_cells(place, cells, header) | {"subject": subject, "split": split}
                yield _parse_question(place, record, counts)
    except csv.Error as error:
        raise BadInput(f"{name}:{rows.line_num}: not CSV: {error}") from None


def _label_cells(place: str, cells: list[str], header: list[str] | None) -> Record:
    """Convert a CSV row to a record: by the header row, or in MMLU's order: question, choices, answer."""
    if header is not None:
        return dict(zip(header, cells, strict=False))
    if len(cells) < 4:
        raise BadInput(
            f"{place}: {len(cells)} cells; expected a question, its choices and the answer's letter"
        )
    question, *choices, answer = cells
    return {"question": question, "choices": choices, "answer": answer}


def _parse_question(place: str, record: Record, counts: Counter[tuple[str, str]]) -> Question:
    question = require_text(record, "question", place)
    subject = require_text(record, "subject" if record.get("subject") else "config", place)
    given = str(record.get("split") or "")
    if given and given not in SPLITS:
        raise BadInput(f"{place}: {unknown_name('split', given, SPLITS)}")
    split = SPLITS[given] if given else ""
    choices = _read_choices(place, record)
    number = record.get("id")
    if number is None or number == "":
        number = counts[subject, split]
        counts[subject, split] += 1
    answer = _read_answer(place, record.get("answer"), len(choices))
    return Question(place, subject, split, str(number), question, choices, answer)


def _read_choices(place: str, record: Record) -> tuple[str, ...]:
    given = record.get("choices")
    if given is None:
        given = [record[letter] for letter in LETTERS if record.get(letter) is not None]
    if not isinstance(given, list) or not 2 <= len(given) <= len(LETTERS):
        found = f"{len(given)} choices" if isinstance(given, list) else json_kind(given)
        raise BadInput(f"{place}: {found}; expected 'choices', a list of texts, or columns A, B, C and D")
    if wrong := [each for each in given if not isinstance(each, str)]:
        raise BadInput(f"{place}: a choice is {json_kind(wrong[0])}; expected text")
    return tuple(given)


def _read_answer(place: str, given: object, count: int) -> str:
    """Parse the letter of an answer, or its number as on the hub. -1 or nothing: not published."""
    if given is None or given in ("", -1):
        return ""
    if type(given) is int and 0 <= given < count:
        return LETTERS[given]
    letter = given.strip() if isinstance(given, str) else ""
    if len(letter) == 1 and letter in LETTERS[:count]:
        return letter
    wanted = f"a letter of {LETTERS[:count]}, or a number from 0 to {count - 1}"
    raise BadInput(f"{place}: 'answer' is {str(given)[:40]!r}; expected {wanted}")
