"""Which column of a file is what: by names that are known, that the caller gives, or that are guessed.

A known name is found whatever its case, and with blanks or hyphens for its underscores: `Response` is
`response`. A column that the caller names for a role comes before any other name of that role; a column that
is then called like the role, but is not it, is one of the others.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

from evobuild.core.json_lines import compact_json
from evobuild.seeds.fields import Record

ColumnRole = Literal["instruction", "input", "output", "domain", "system", "conversations"]
Columns = Mapping[ColumnRole, str]
"""The column of each role that the caller names, as {"instruction": "question_text"}."""


class Spelling(NamedTuple):
    """The names that the fields of a flat record go by; the first that is there and not null counts."""

    format: str
    instruction: str
    inputs: tuple[str, ...] = ("input", "context")
    outputs: tuple[str, ...] = ("output", "response", "answer", "completion", "reply", "solution", "chosen")


SPELLINGS = (
    Spelling(
        "alpaca", "instruction", outputs=("output", "response", "completion", "reply", "chosen", "answer")
    ),
    Spelling("alpaca", "prompt", outputs=("completion", "response", "output", "reply", "chosen", "answer")),
    Spelling(
        "gsm8k", "question", outputs=("answer", "response", "output", "completion", "reply", "solution")
    ),
    Spelling("gsm8k", "problem", outputs=("solution", "answer", "response", "output", "completion", "reply")),
    Spelling("alpaca", "query"),
    Spelling("alpaca", "input", ("context",), ("output", "response", "answer", "target")),
    Spelling("alpaca", "inputs", (), ("targets", "outputs")),
    Spelling("alpaca", "user", ("context",), ("assistant", "response")),
    Spelling("alpaca", "human", ("context",), ("assistant", "gpt", "bot", "response")),
)
"""In the order in which they are looked for."""
LISTS = {"sharegpt": "conversations", "messages": "messages"}
"""The field with the turns, by format."""
BESIDE = ("domain", "system", "tools", "history", "instances")
"""Fields that records of more than one format may have."""

_KNOWN = {name for each in SPELLINGS for name in (each.instruction, *each.inputs, *each.outputs)} | {
    *LISTS.values(),
    *BESIDE,
    "chosen",
}

# Words in the names of columns, the likelier the earlier.
_ASKING = (
    "instruction",
    "question",
    "prompt",
    "query",
    "task",
    "problem",
    "request",
    "user",
    "human",
    "input",
)
_ANSWERING = ("output", "response", "reply", "answer", "completion", "solution", "target", "assistant", "bot")
_TELLING = ("domain", "category", "topic", "subject")


def name_fields(fields: Iterable[str], columns: Columns) -> dict[str, str]:
    """Say what the known ones of some fields are called: {"response": "Response"}, by the known name."""
    return _named(tuple(fields), tuple(columns.items()))


@lru_cache(maxsize=64)
def _named(fields: tuple[str, ...], columns: tuple[tuple[ColumnRole, str], ...]) -> dict[str, str]:
    found: dict[str, str] = {role: column for role, column in columns if column in fields}
    spoken = {column for _, column in columns}
    taken: set[str] = {role for role, _ in columns}
    for spelled in (lambda name: name, _folded):
        for field in fields:
            known = spelled(field)
            if known in _KNOWN and known not in taken and field not in spoken:
                found[known] = field
                taken.add(known)
                spoken.add(field)
    return found


def _folded(name: str) -> str:
    return re.sub(r"[\s-]+", "_", name.strip().casefold())


def guess_columns(record: Record) -> dict[ColumnRole, str]:
    """Guess which columns hold an instruction, an output and a domain, by their names and what they hold.

    A column without a telling name is the instruction or the output if it is the first that holds text. Empty
    if none does. Instance: {"question_text": "…", "reply": "…"} -> instruction and output of these names.
    """
    for field, value in record.items():
        if isinstance(value, list) and value and all(_is_turn(turn) for turn in value):
            return {"conversations": field}
    texts = [field for field, value in record.items() if isinstance(value, str)]
    found: dict[ColumnRole, str] = {}
    roles: tuple[tuple[ColumnRole, tuple[str, ...]], ...] = (
        ("instruction", _ASKING), ("output", _ANSWERING), ("domain", _TELLING)
    )  # fmt: skip
    for role, words in roles:
        if best := _best(texts, words):
            found[role] = best
            texts.remove(best)
    for role in ("instruction", "output"):
        if role not in found and (rest := [field for field in texts if " " in str(record[field]).strip()]):
            found[role] = rest[0]
            texts.remove(rest[0])
    return {role: found[role] for role, _ in roles if role in found} if "instruction" in found else {}


def is_telling(columns: Columns) -> bool:
    """Whether the names of guessed columns say what they are, so that the guess may be taken for true."""
    if "conversations" in columns:
        return True
    asking, answering = (columns.get("instruction"), _ASKING), (columns.get("output"), _ANSWERING)
    return all(name is None or _best([name], words) for name, words in (asking, answering))


def is_domain(name: str) -> bool:
    """Whether the name of a column says that it may hold a domain."""
    return _best([name], _TELLING) is not None


def columns_option(columns: Columns) -> str:
    """Write columns as an option of `dvc exp run`: -S '+seed.columns={instruction: question_text}'."""
    return f"-S {shlex.quote(f'+seed.columns={columns_text(columns)}')}"


def columns_text(columns: Columns) -> str:
    """Write columns as one line of YAML, which an option of `dvc exp run` takes, too."""
    return "{" + ", ".join(f"{role}: {_quoted(name)}" for role, name in columns.items()) + "}"


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII) else compact_json(name, "a column")


def _best(fields: Iterable[str], words: Sequence[str]) -> str | None:
    """The field whose name has the first of these words, as a whole word or, failing that, within it."""
    names = list(fields)
    for word in words:
        for field in names:
            if word in _parts(field):
                return field
    return next(
        (field for word in words for field in names if len(word) > 4 and word in field.casefold()), None
    )


def _parts(field: str) -> list[str]:
    """The words of a name such as questionText."""
    return [part.casefold() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", field)]


def _is_turn(value: object) -> bool:
    return isinstance(value, dict) and not {"from", "role"}.isdisjoint(value)
