"""Seed data as users bring it, in uniform rows.

The fields of the first record tell the format, unless the caller names it; every record must then have it.

alpaca    instruction[, input][, output][, system][, history], history being pairs [user, assistant]. Also
          Dolly (instruction, context, response); chosen for output; prompt with completion, response or
          chosen; self-instruct's `instances`, one row per instance.
gsm8k     question, answer; or problem, solution as in MATH.
sharegpt  conversations: a list of turns {from, value}.
messages  messages: a list of turns {role, content}, content being text or parts {type: text, text | value}.
          Either kind of turn is read under either name of the list.

A conversation gives one row per turn of its user (see conversations.py), and if there is none, one row with
an empty instruction and all turns as its history. Other fields than these and `domain` are passed over.

Null or absent means '', and an empty instruction is a row: whoever reads the rows rejects it with its place.
Failure is a record of another shape, or a value that is not text where text is wanted: it raises BadInput.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

from evobuild.core.errors import BadInput
from evobuild.seeds import records
from evobuild.seeds.conversations import Turns, opening_turn, read_exchanges
from evobuild.seeds.fields import Record, json_kind, listed_fields, text_field

Format = Literal["auto", "alpaca", "gsm8k", "sharegpt", "messages"]


class SourceRow(NamedTuple):
    """One instruction of the seed data, with where it stands.

    place: `seeds.jsonl:17` or `alpaca.json[16]`. conversation: the number of its record in the file, from 0.
    history: earlier turns as (role, content), role being system, user or assistant.
    """

    place: str
    conversation: int
    history: Turns
    instruction: str
    input: str
    output: str
    domain: str | None


class Spelling(NamedTuple):
    """The names that the fields of a flat record go by; the first that is there and not null counts."""

    instruction: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


FLAT = {
    "alpaca": (
        Spelling("instruction", ("input", "context"), ("output", "response", "completion", "chosen")),
        Spelling("prompt", (), ("completion", "response", "chosen")),
    ),
    "gsm8k": (Spelling("question", (), ("answer",)), Spelling("problem", (), ("solution",))),
}
LISTS = {"sharegpt": "conversations", "messages": "messages"}  # the field with the turns

Convert = Callable[[str, int, Record], Iterable[SourceRow]]


def read_seed_rows(path: Path, format: Format = "auto") -> Iterator[SourceRow]:
    """Read seed data as rows, in file order.

    Raises BadInput, when the row is asked for, if the file or a record is not as the module says.
    """
    convert: Convert | None = None
    for number, (place, record) in enumerate(records.read_records(path)):
        if convert is None:
            convert = _recognised(place, record, format)
        yield from convert(place, number, record)


def _recognised(place: str, record: Record, format: Format) -> Convert:
    """Choose how records become rows by the fields of the first, null ones only if need be."""
    filled = {field for field, value in record.items() if value is not None}
    for fields in (filled, set(record)):
        if (convert := _list_format(fields, format) or _flat_format(fields, format)) is not None:
            return convert
    raise BadInput(f"{place}: {_unrecognised(format)}; its fields are {listed_fields(record)}")


def _list_format(fields: set[str], format: Format) -> Convert | None:
    """The reader of conversations, if these are the fields of one."""
    for name, field in LISTS.items():
        if field in fields and format in ("auto", name):
            return partial(_conversation_rows, field)
    return None


def _flat_format(fields: set[str], format: Format) -> Convert | None:
    """The reader of flat records, if these are the fields of one: all but `instruction` need an answer."""
    for name, spellings in FLAT.items():
        for spelling in spellings:
            answered = spelling.instruction == "instruction" or not fields.isdisjoint(spelling.outputs)
            if spelling.instruction in fields and (format == name or (format == "auto" and answered)):
                return partial(_flat_rows, spelling)
    return None


def _unrecognised(format: Format) -> str:
    """Say what the first record of a format must have."""
    wanted = {name: f"'{field}'" for name, field in LISTS.items()}
    wanted |= {name: " or ".join(f"'{each.instruction}'" for each in FLAT[name]) for name in FLAT}
    if format != "auto":
        return f"not the format {format}; expected the field {wanted[format]}"
    known = "alpaca (instruction, …), gsm8k (question, answer), sharegpt (conversations), messages (messages)"
    return f"no format recognised; expected one of {known}"


def _flat_rows(spelling: Spelling, place: str, number: int, record: Record) -> Iterator[SourceRow]:
    """Give the rows of a flat record: one, or one per self-instruct instance."""
    instruction = text_field(record, (spelling.instruction,), place)
    if not instruction and spelling.instruction not in record:
        raise BadInput(
            f"{place}: lacks '{spelling.instruction}', which the first record has; "
            f"its fields are {listed_fields(record)}; expected one format throughout the file"
        )
    history = opening_turn(record, (), place) + _pairs(record, place)
    domain = _domain(record)
    for answer in _instances(record):
        yield SourceRow(
            place,
            number,
            history,
            instruction,
            text_field(answer, spelling.inputs, place),
            text_field(answer, spelling.outputs, place),
            domain,
        )


def _domain(record: Record) -> str | None:
    """Take the record's own domain, if it is text."""
    domain = record.get("domain")
    return domain if domain and isinstance(domain, str) else None


def _instances(record: Record) -> list[Record]:
    """Find what holds input and output: the record, or each of its self-instruct instances."""
    cases = record.get("instances")
    if isinstance(cases, list) and cases and all(isinstance(case, dict) for case in cases):
        return cases
    return [record]


def _pairs(record: Record, place: str) -> Turns:
    """Read Alpaca's `history`: a list of pairs [user, assistant], all text."""
    history = record.get("history") or []
    turns: list[tuple[str, str]] = []
    for pair in history if isinstance(history, list) else [history]:
        if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(each, str) for each in pair)):
            found = f"'history' is not a list of pairs: it has {json_kind(pair)}"
            raise BadInput(f"{place}: {found}; expected [[user, assistant], …], all text")
        turns += [("user", pair[0]), ("assistant", pair[1])]
    return tuple(turns)


def _conversation_rows(field: str, place: str, number: int, record: Record) -> Iterator[SourceRow]:
    """Give one row per turn of the user, or one with an empty instruction if there is none."""
    domain = _domain(record)
    for exchange in read_exchanges(record, field, place):
        yield SourceRow(place, number, exchange.history, exchange.instruction, "", exchange.output, domain)
