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

from evobuild.core.json_files import compact_json
from evobuild.seeds.candidates import Candidate, find_by_content, find_by_name, text_fields
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
CANDIDATES: tuple[Candidate, ...] = ("instruction", "output", "domain", "system")
PROPOSED: tuple[Candidate, ...] = ("output", "domain", "system")
BESIDE = ("domain", "system", "tools", "history", "instances")
"""Fields that records of more than one format may have."""

_KNOWN = {name for each in SPELLINGS for name in (each.instruction, *each.inputs, *each.outputs)} | {
    *LISTS.values(),
    *BESIDE,
    "chosen",
}


def name_fields(fields: Iterable[str], columns: Columns) -> dict[str, str]:
    """Say what the known ones of some fields are called: {"response": "Response"}, by the known name."""
    return _map_names(tuple(fields), tuple(columns.items()))


@lru_cache(maxsize=64)
def _map_names(fields: tuple[str, ...], columns: tuple[tuple[ColumnRole, str], ...]) -> dict[str, str]:
    found: dict[str, str] = {role: column for role, column in columns if column in fields}
    spoken = {column for _, column in columns}
    taken: set[str] = {role for role, _ in columns}
    for spelled in (lambda name: name, _fold_name):
        for field in fields:
            known = spelled(field)
            if known in _KNOWN and known not in taken and field not in spoken:
                found[known] = field
                taken.add(known)
                spoken.add(field)
    return found


def _fold_name(name: str) -> str:
    return re.sub(r"[\s-]+", "_", name.strip().casefold())


def guess_columns(records: Sequence[Record]) -> dict[ColumnRole, str]:
    """Guess which columns hold what, by names, and instruction and output by content, too.

    Returns {} if no column may hold an instruction. Instance: {"question_text": "…", "reply": "…"} ->
    {"instruction": "question_text", "output": "reply"}.
    """
    for record in records:
        for field, value in record.items():
            if isinstance(value, list) and value and all(_is_turn(turn) for turn in value):
                return {"conversations": field}
    fields = text_fields(records)
    found: dict[ColumnRole, str] = {}
    for role in CANDIDATES:
        if best := find_by_name(fields, role):
            found[role] = best
            fields.remove(best)
    for role in ("instruction", "output"):
        if role not in found and (best := find_by_content(records, fields, role)):
            found[role] = best
            fields.remove(best)
    return {role: found[role] for role in CANDIDATES if role in found} if "instruction" in found else {}


def propose_columns(records: Sequence[Record], mapping: Mapping[str, str]) -> dict[ColumnRole, str]:
    """Propose columns for the roles of a flat file that have none: output, domain and system.

    mapping: the columns that are read already, by role.
    """
    fields = [field for field in text_fields(records) if field not in mapping.values()]
    found: dict[ColumnRole, str] = {}
    for role in PROPOSED:
        if role not in mapping and (best := find_by_name(fields, role)):
            found[role] = best
            fields.remove(best)
    # A column whose name says another role is not offered for what it holds.
    fields = [field for field in fields if not any(find_by_name([field], role) for role in CANDIDATES)]
    for role in PROPOSED:
        if role not in {*mapping, *found} and (best := find_by_content(records, fields, role)):
            found[role] = best
            fields.remove(best)
    return found


def has_known_names(columns: Columns) -> bool:
    """Whether the names of guessed columns say what they are, so that the guess may be taken for true."""
    return "conversations" in columns or all(
        find_by_name([columns[role]], role) for role in CANDIDATES if role in columns
    )


def columns_option(columns: Columns) -> str:
    """Write columns as an option of `dvc exp run`: -S '+seed.columns={instruction: question_text}'."""
    return f"-S {shlex.quote(f'+seed.columns={columns_text(columns)}')}"


def columns_text(columns: Columns) -> str:
    """Write columns as one line of YAML, which an option of `dvc exp run` takes, too."""
    return "{" + ", ".join(f"{role}: {_quote_name(name)}" for role, name in columns.items()) + "}"


def _quote_name(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII) else compact_json(name, "a column")


def _is_turn(value: object) -> bool:
    return isinstance(value, dict) and not {"from", "role"}.isdisjoint(value)
