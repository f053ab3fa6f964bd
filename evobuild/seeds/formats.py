"""Read seed data of several formats as uniform rows.

The fields of the first record tell the format, unless the caller names it or its columns; every record must
then have it. Names are known whatever their case, see columns.py.

alpaca    instruction[, input][, output][, system][, history], history being pairs [user, assistant]. Also
          Dolly (instruction, context, response); chosen for output; prompt, query, user or human with what
          answers it; input with output; self-instruct's `instances`, one row per instance.
gsm8k     question, answer; or problem, solution as in MATH.
sharegpt  conversations: a list of turns {from, value}.
messages  messages: a list of turns {role, content}, content being text or parts {type: text, text | value}.
          Either kind of turn is read under either name of the list.

A conversation gives one row per user turn (see conversations.py); without a user turn, one row with an empty
instruction and all turns as history. All other fields except `domain` are extra.

Null or absent means '', and an empty instruction is a row: whoever reads the rows rejects it with its place.
Failure is a record of another shape, or a value that is not text where text is wanted: it raises BadInput.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NamedTuple

from evobuild.core.errors import BadInput
from evobuild.seeds import records
from evobuild.seeds.columns import (
    BESIDE,
    LISTS,
    SPELLINGS,
    Columns,
    Spelling,
    columns_option,
    columns_text,
    guess_columns,
    name_fields,
)
from evobuild.seeds.conversations import Turns, join_opening_turns, read_exchanges
from evobuild.seeds.fields import Record, format_fields, json_kind, text_field

Format = Literal["auto", "alpaca", "gsm8k", "sharegpt", "messages"]


NONE: Mapping[str, object] = MappingProxyType({})


class SourceRow(NamedTuple):
    """One instruction of the seed data, with its location.

    place: `seeds.jsonl:17` or `alpaca.json[16]`. conversation: the number of its record in the file, from 0.
    history: earlier turns as (role, content), role being system, user or assistant. extra: the fields of its
    record that nothing else here was read from.
    """

    place: str
    conversation: int
    history: Turns
    instruction: str
    input: str
    output: str
    domain: str | None
    extra: Mapping[str, object] = NONE


class Layout(NamedTuple):
    """How the records of a file become rows. form: a flat record's names, or the field with the turns."""

    format: str
    form: Spelling | str
    columns: Columns

    def rows(self, place: str, number: int, record: Record) -> Iterator[SourceRow]:
        """Give the rows of a record. number: of the record in its file, from 0."""
        known = _rename_fields(record, self.columns)
        if isinstance(self.form, str):
            found, read = _conversation_rows(self.form, place, number, known), {self.form, "chosen"}
        elif self.form.instruction in known:
            found, read = _flat_rows(self.form, place, number, known), _fields_read(self.form, known)
        else:
            wanted = self.columns.get("instruction", self.form.instruction)
            raise BadInput(
                f"{place}: lacks '{wanted}', which the first record has; "
                f"its fields are {format_fields(record)}; expected one format throughout the file"
            )
        extra = self._extra(record, read | _read_beside(known))
        yield from (row._replace(extra=extra) for row in found)

    def _extra(self, record: Record, read: Collection[str]) -> Mapping[str, object]:
        """The fields of a record but for those that are read, of which the known names are given."""
        names = name_fields(record, self.columns)
        taken = {names[name] for name in read if name in names}
        return {field: value for field, value in record.items() if field not in taken}


class UnknownLayout(BadInput):
    """No format fits the first record."""


def read_seed_rows(
    path: Path, format: Format = "auto", columns: Columns | None = None
) -> Iterator[SourceRow]:
    """Read seed data as rows, in file order.

    columns: those that the caller names; None: nothing can be named, so no error says that.

    Raises BadInput, when the row is asked for, if the file or a record is not as the module says, or no
    record has a column that is named; UnknownLayout if no format fits.
    """
    layout: Layout | None = None
    unseen = set((columns or {}).values())
    for number, (place, record) in enumerate(records.read_records(path)):
        if layout is None:
            layout = find_layout(place, record, format, columns)
        unseen.difference_update(record)
        yield from layout.rows(place, number, record)
    if unseen:
        raise BadInput(f"{path}: seed.columns names {format_fields(sorted(unseen))}, which no record has")


def find_layout(
    place: str, record: Record, format: Format = "auto", columns: Columns | None = None
) -> Layout:
    """Choose how records become rows by the fields of the first, null ones only if need be.

    Raises BadInput if the instruction's column is named and is not there; UnknownLayout if no format fits.
    """
    given = columns or {}
    for role in ("instruction", "conversations"):
        if role in given and given[role] not in record:
            found = f"seed.columns.{role} is {given[role][:40]!r}, which is not one of its fields"
            raise BadInput(f"{place}: {found} {format_fields(record)}")
    known = _rename_fields(record, given)
    filled = {field for field, value in known.items() if value is not None}
    for fields in (filled, set(known)):
        if (form := _list_form(fields, format, given) or _flat_form(fields, format, given)) is not None:
            name = form.format if isinstance(form, Spelling) else _name_of_list(form)
            return Layout(name, form, given)
    hint = "" if columns is None else _hint(record)
    raise UnknownLayout(f"{place}: {_describe_format(format)}; its fields are {format_fields(record)}{hint}")


def _list_form(fields: set[str], format: Format, columns: Columns) -> str | None:
    """The field with the turns, if these are the fields of conversations."""
    if "instruction" in columns:
        return None
    for name, field in LISTS.items():
        named = field in columns and format in LISTS
        if field in fields and (named or format in ("auto", name)):
            return field
    return None


def _name_of_list(field: str) -> str:
    return next(name for name, each in LISTS.items() if each == field)


def _flat_form(fields: set[str], format: Format, columns: Columns) -> Spelling | None:
    """The names of a flat record, if these are the fields of one.

    All but `instruction`, and one that is named, need an answer, or no other field beside them.
    """
    for spelling in SPELLINGS:
        if spelling.instruction not in fields or format not in ("auto", spelling.format):
            continue
        alone = fields <= {spelling.instruction, *BESIDE, "id"}
        answered = alone or not fields.isdisjoint(spelling.outputs)
        if spelling.instruction == "instruction" or format != "auto" or answered:
            return spelling._replace(
                inputs=("input",) if "input" in columns else spelling.inputs,
                outputs=("output",) if "output" in columns else spelling.outputs,
            )
    return None


def _rename_fields(record: Record, columns: Columns) -> Record:
    """The fields of a record by their known names, and the others by their own."""
    names = name_fields(record, columns)
    known = {name: record[field] for name, field in names.items()}
    return known | {
        field: value for field, value in record.items() if field not in names.values() and field not in known
    }


def _describe_format(format: Format) -> str:
    """Say what the first record of a format must have."""
    if format != "auto":
        flat = [spelling.instruction for spelling in SPELLINGS if spelling.format == format]
        wanted = " or ".join(f"'{field}'" for field in flat or [LISTS[format]])
        return f"not the format {format}; expected the field {wanted}"
    known = "alpaca (instruction, …), gsm8k (question, answer), sharegpt (conversations), messages (messages)"
    return f"no format recognised; expected one of {known}"


def _hint(record: Record) -> str:
    """Say how the columns are named that may be an instruction and its answer."""
    guess: Columns = guess_columns([record]) or {"instruction": "…", "output": "…"}
    return (
        f"\nsay which is which: columns: {columns_text(guess)} under seed in params.yaml, "
        f"or {columns_option(guess)}"
    )


def _fields_read(spelling: Spelling, record: Record) -> set[str]:
    """The known names of what is read of a flat record: of inputs and outputs the first that is there."""
    first = (_first(record, names) for names in (spelling.inputs, spelling.outputs))
    return {spelling.instruction, *(name for name in first if name)}


def _first(record: Record, names: Iterable[str]) -> str | None:
    return next((name for name in names if record.get(name) is not None), None)


def _read_beside(record: Record) -> set[str]:
    """The known names of what is read of any record."""
    return {*BESIDE} if _domain(record) else {*BESIDE} - {"domain"}


def _flat_rows(spelling: Spelling, place: str, number: int, record: Record) -> Iterator[SourceRow]:
    """Give the rows of a flat record: one, or one per self-instruct instance."""
    instruction = text_field(record, (spelling.instruction,), place)
    history = join_opening_turns(record, (), place) + _pairs(record, place)
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
    """Yield one row per user turn; without a user turn, one with an empty instruction."""
    domain = _domain(record)
    for exchange in read_exchanges(record, field, place):
        yield SourceRow(place, number, exchange.history, exchange.instruction, "", exchange.output, domain)
