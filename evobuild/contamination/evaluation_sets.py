"""Evaluation sets that a user names: questions and reference answers, out of the columns that hold them.

A set is a file of any kind that records.py reads. Its columns are known by name, as GSM8K, MATH, HumanEval,
MBPP, IFEval, MT-Bench, AlpacaEval, FollowBench and our own held-out rows call them, or are named by the user.
A column holds text, a number, or a list of texts or of turns {role, content} or {from, value}.

Failure is a set without a known column, or a value of another kind: it raises BadInput with the place.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Protocol

from evobuild.core import tables
from evobuild.core.errors import BadInput
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.seeds import records
from evobuild.seeds.caller_rows import Rows, list_rows
from evobuild.seeds.fields import Record, format_fields, json_kind

QUESTIONS = ("question", "problem", "prompt", "instruction", "turns", "text", "messages", "conversations")
"""Names of the column with the question; the first that a set has counts."""
AFTER = ("input", "context")
"""Columns that belong to the question where they are."""
BEFORE = ("history",)
"""Columns with what was said before it."""
ANSWERS = ("answer", "solution", "canonical_solution", "output", "reference", "code", "target")
"""Names of the columns with reference answers; all that a set has count."""


class Question(NamedTuple):
    """A row of an evaluation set. place: `test.jsonl:17`. asked, answers, history: their texts, in order."""

    place: str
    asked: tuple[str, ...]
    answers: tuple[str, ...]
    history: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All of it, a text a paragraph."""
        return "\n".join((*self.history, *self.asked, *self.answers))


class Questions(Protocol):
    """Questions by their number, from 0."""

    def __len__(self) -> int: ...
    def __getitem__(self, number: int, /) -> Question: ...
    def __iter__(self) -> Iterator[Question]: ...


def read_evaluation_set(path: Path, columns: Sequence[str] = ()) -> list[Question]:
    """Read an evaluation set at once, as `stream_evaluation_set` does."""
    return list(stream_evaluation_set(path, columns))


def stream_evaluation_set(path: Path, columns: Sequence[str] = ()) -> Iterator[Question]:
    """Read an evaluation set, in file order; rows without any text are passed over.

    columns: what to read, the question first; none: known by name. A table of held-out rows may have none.

    Raises BadInput as the module says, and if no row of another file has text.
    """
    if _is_empty_held_out(path):
        return
    question = None
    for question in read_questions(records.read_records(path), columns):
        yield question
    if question is None:
        raise BadInput(f"{path}: no row has text in the columns that were read; expected questions")


def write_set_file(name: str, given: str | Path | Rows, folder: Path) -> Path:
    """Give the file of an evaluation set, for rows at hand a JSON file in a folder that they are written to.

    Of rows, a text is a question. Raises BadInput at rows of another kind, or a name that leaves the folder.
    """
    if isinstance(given, str | Path):
        return Path(given).absolute()
    if Path(name).name != name:
        raise BadInput(f"sets: {name!r}; expected a name of small letters, digits and '_'")
    file = folder / f"{name}.json"
    records = [{"question": row} if isinstance(row, str) else row for row in list_rows(given)]
    file.write_text(json.dumps(records, default=str), encoding="utf-8")
    return file


def read_questions(placed: Iterable[tuple[str, Record]], columns: Sequence[str] = ()) -> Iterator[Question]:
    """Read records, each with its place, as `stream_evaluation_set` does those of a file."""
    names: tuple[list[str], ...] | None = None
    for place, record in placed:
        if names is None:
            names = _choose_columns(place, record, columns)
        question = Question(place, *(tuple(_read_texts(record, part, place)) for part in names))
        if question.text.strip():
            yield question


def _is_empty_held_out(path: Path) -> bool:
    if path.suffix != ".parquet" or not path.is_file():
        return False
    with suppress(BadInput):
        return tables.height(path, INSTRUCTIONS) == 0
    return False


def _choose_columns(place: str, record: Record, columns: Sequence[str]) -> tuple[list[str], ...]:
    """Choose the columns with questions, with answers and with earlier turns by the first record."""
    if missing := [name for name in columns if name not in record]:
        raise BadInput(
            f"{place}: has no column {format_fields(missing)}; its columns are {format_fields(record)}"
        )
    if columns:
        return [columns[0]], list(columns[1:]), []
    question = next((name for name in QUESTIONS if record.get(name) is not None), None)
    if question is None:
        raise BadInput(
            f"{place}: no column of questions is known; expected one of {', '.join(QUESTIONS)}, "
            f"or the columns by name; its columns are {format_fields(record)}"
        )
    named = ((question, *AFTER), ANSWERS, BEFORE)
    return tuple([name for name in names if name in record] for names in named)


def _read_texts(record: Record, columns: Sequence[str], place: str) -> Iterator[str]:
    for name in columns:
        yield from _texts(record.get(name), f"{place}: '{name}'")


def _texts(value: object, place: str) -> Iterator[str]:
    """The texts that a value holds; none if it is null."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, int | float):
        yield str(value)
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _texts(_content(part), f"{place}[{index}]")
    elif value is not None:
        raise BadInput(f"{place} is {json_kind(value)}; expected text, a number, or a list of texts or turns")


def _content(part: object) -> object:
    """What a turn says; anything else as it is."""
    if isinstance(part, dict):
        return next((part[name] for name in ("content", "value", "text") if name in part), part)
    return part
