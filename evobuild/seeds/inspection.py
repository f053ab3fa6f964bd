"""Inspect a file of seed data before a run: format, columns, rows, and matching params.

A file whose columns have no known names is inspected by the columns that are guessed. `certain` is false if
their names do not say what they hold; then somebody should look before the params are used.

Failure is a file that cannot be read, or holds no text at all: it raises BadInput as the stage `seed` does.
"""

from __future__ import annotations

import itertools
import shlex
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from evobuild.core.escaping import on_terminal
from evobuild.core.rejects import sort_reasons
from evobuild.seeds import records
from evobuild.seeds.candidates import MOST_READ
from evobuild.seeds.clean import CleanedRows, select_kept_rows
from evobuild.seeds.columns import (
    BESIDE,
    ColumnRole,
    columns_option,
    guess_columns,
    has_known_names,
    name_fields,
    propose_columns,
)
from evobuild.seeds.fields import Record
from evobuild.seeds.formats import Layout, SourceRow, UnknownLayout, find_layout
from evobuild.seeds.params import Seed
from evobuild.seeds.seed import keep_seeds
from evobuild.text.language import NAMES, detect_language
from evobuild.text.words import count_words

MOST_TOLD = 2000
"""Rows whose language is detected."""
SHOWN = 12
"""Names that a line of the text has at most."""
MOST_DOMAINS = 30
FEW = 20
SAMPLE = 60
"""Characters of a value that are shown."""


@dataclass(frozen=True)
class Inspection:
    """A file of seed data.

    format: of its records, as seed.format has it. columns: all, in their order; mapping: of these, what is
    read, by its role. records: of the file; rows: instructions, one for each turn of a user. rejects: rows
    that the stage seed would lose, by reason, but for those not drawn. Of the rows that are kept: unanswered,
    those without an output; later_turns, those with turns before them; domains, and languages by their codes,
    '' where it cannot be told, of `told` rows; words of the instructions, the least, the median and the most.
    guessed: columns that have no known names, by the roles that they seem to have; certain: whether the names
    say so, so that the params can be used unseen. proposed: columns that may have the roles that no column
    has. samples: a value of each column, null if none of the first records has one.
    """

    path: Path
    format: str
    columns: tuple[str, ...]
    mapping: dict[str, str]
    records: int
    rows: int
    rejects: dict[str, int]
    unanswered: int
    later_turns: int
    domains: dict[str, int]
    languages: dict[str, int]
    told: int
    words: tuple[int, int, int]
    guessed: dict[ColumnRole, str]
    certain: bool
    proposed: dict[ColumnRole, str]
    samples: dict[str, str]

    @property
    def others(self) -> tuple[str, ...]:
        """The columns that hold none of what is read."""
        return tuple(name for name in self.columns if name not in self.mapping.values())

    @property
    def params(self) -> dict[str, object]:
        """What fits, by the keys of params.yaml: {"seed.source": "mine.jsonl", "seed.columns": {…}}."""
        return {"seed.source": str(self.path)} | ({"seed.columns": self.guessed} if self.guessed else {})

    @property
    def kept(self) -> int:
        """Rows that the stage seed would keep, held-out ones among them."""
        return self.rows - sum(self.rejects.values())


def inspect_file(path: Path, params: Seed) -> Inspection:
    """Look at a file as the stage `seed` would read it.

    params: the section `seed`, whose source is passed over; columns that it names come before any guess.

    Raises BadInput at what cannot be read.
    """
    first = list(itertools.islice(records.read_records(path), MOST_READ))
    layout, guessed = _layout(first, params)
    columns: dict[str, None] = {}
    count = 0

    def sources() -> Iterator[SourceRow]:
        nonlocal count
        for place, record in records.read_records(path):
            columns.update(dict.fromkeys(record))
            yield from layout.rows(place, count, record)
            count += 1

    with keep_seeds(sources(), params) as rows:
        mapping = _map_roles(layout, list(columns))
        seen = [record for _, record in first]
        return Inspection(
            path=path,
            format=layout.format,
            columns=tuple(columns),
            mapping=mapping,
            proposed={} if "conversations" in mapping else propose_columns(seen, mapping),
            samples={name: _sample(seen, name) for name in columns},
            records=count,
            rows=len(rows),
            guessed=guessed,
            certain=has_known_names(guessed),
            **_figures(rows)._asdict(),
        )


class _Figures(NamedTuple):
    """What an inspection tells of rows."""

    rejects: dict[str, int]
    unanswered: int
    later_turns: int
    domains: dict[str, int]
    languages: dict[str, int]
    told: int
    words: tuple[int, int, int]


def _figures(rows: CleanedRows) -> _Figures:
    rejects, domains, languages = (Counter[str]() for _ in range(3))
    unanswered = later_turns = 0
    each_told = -(-int(rows.is_kept_N.sum()) // MOST_TOLD) or 1
    lengths = array("q")
    for some in rows.batches():
        rejects.update(some["reason"].drop_nulls())
        kept = select_kept_rows(some)
        domains.update(kept["domain"])
        unanswered += int((kept["output"] == "").sum())
        is_turn = pl.element().struct.field("role") != "system"
        later_turns += int(kept["history"].list.eval(is_turn).list.any().sum())
        for text in kept["instruction"]:
            if len(lengths) % each_told == 0:
                languages[detect_language(text) or ""] += 1
            lengths.append(count_words(text))
    ordered = np.sort(lengths or [0])
    least, middle, most = (int(ordered[place]) for place in (0, (len(ordered) - 1) // 2, -1))
    return _Figures(
        sort_reasons(rejects),
        unanswered,
        later_turns,
        sort_reasons(domains),
        sort_reasons(languages),
        languages.total(),
        (least, middle, most),
    )


def _sample(seen: Sequence[Record], name: str) -> str:
    """The first value that a column has, on one line, and not all of a long one."""
    found = next((value for each in seen if (value := each.get(name)) not in (None, "")), None)
    line = "null" if found is None else " ".join(on_terminal(str(found)[:4096]).split())
    return line if len(line) <= SAMPLE else f"{line[:SAMPLE]}…"


def _layout(first: Sequence[tuple[str, Record]], params: Seed) -> tuple[Layout, dict[ColumnRole, str]]:
    """How the records are read, and the columns that had to be guessed for it."""
    place, record = first[0]
    given = params.columns or {}
    try:
        return find_layout(place, record, params.format, given), {}
    except UnknownLayout:
        guessed = {} if given else guess_columns([record for _, record in first])
        if not guessed:
            raise
        return find_layout(place, record, params.format, guessed), guessed


def _map_roles(layout: Layout, columns: Sequence[str]) -> dict[str, str]:
    """The column of each role, of those that a file has."""
    names = name_fields(columns, layout.columns)
    if isinstance(layout.form, str):
        roles: dict[str, tuple[str, ...]] = {"conversations": (layout.form,)}
    else:
        form = layout.form
        roles = {"instruction": (form.instruction,), "input": form.inputs, "output": form.outputs}
    roles |= {name: (name,) for name in BESIDE}
    found = {role: [names[name] for name in known if name in names] for role, known in roles.items()}
    return {role: fields[0] for role, fields in found.items() if fields}


def remarks(found: Inspection) -> Iterator[str]:
    """What somebody should know before the file is used, a sentence each."""
    if not found.certain:
        yield "The columns have no telling names: look whether the mapping is right."
    if not found.kept:
        yield "No row is left."
    if found.kept and found.unanswered == found.kept:
        yield "No row has an answer; the responder gives them to evolved rows."
    if found.proposed:
        said = ", ".join(f"{_format_name(name)} as {role}" for role, name in found.proposed.items())
        option = columns_option(_list_proposed_columns(found))
        yield f"Nothing is read of {said}; if it should be, set seed.columns: {option}"
    if len(found.domains) > MOST_DOMAINS:
        yield f"{len(found.domains):,} domains are many; seed.domain=chat makes them one."
    likeliest = [code for code in found.languages if code]
    if sum(found.languages[code] > 0.02 * found.told for code in likeliest) > 1:
        yield f"More than one language; seed.languages=[{likeliest[0]}] keeps the commonest."
    if 0 < found.kept < FEW:
        yield f"{found.kept} rows are few: the held-out rows and what a method is judged on come out of them."


def _list_proposed_columns(found: Inspection) -> dict[ColumnRole, str]:
    """All columns to name, for `seed.columns` is given as a whole."""
    return found.guessed | found.proposed


def render_inspection(found: Inspection) -> str:
    """Say what was found, in some ten lines of plain text."""
    least, middle, most = found.words
    lost = ", ".join(f"{count:,} {reason}" for reason, count in found.rejects.items())
    lines = [
        ("format", f"{found.format}, {found.records:,} records"),
        ("rows", f"{found.rows:,}, of which {found.kept:,} are kept; lost: {lost or 'none'}"),
        ("answers", f"{found.kept - found.unanswered:,} of {found.kept:,} rows have one"),
        ("earlier turns", f"{found.later_turns:,} of {found.kept:,} rows have some"),
        ("words", f"{least:,} to {most:,} in an instruction, the median {middle:,}"),
        ("domains", _shares(found.domains, found.kept)),
        ("languages", _shares({language_name(code): n for code, n in found.languages.items()}, found.told)),
    ]
    width = max(len(name) for name, _ in lines)
    text = [str(found.path), *_column_lines(found), *(f"  {name:{width}}  {said}" for name, said in lines)]
    text += [f"  ! {remark}" for remark in remarks(found)]
    fits = [f"-S {shlex.quote(f'seed.source={found.path}')}"]
    if found.guessed:
        fits.append(columns_option(found.guessed))
    return "\n".join([*text, f"  params that fit: {' '.join(fits)}"]) + "\n"


def _column_lines(found: Inspection) -> Iterator[str]:
    """A line for each column: its role, its name, and a value of it."""
    roles = {name: role for role, name in found.mapping.items()}
    roles = {name: f"{role}?" for role, name in found.proposed.items()} | roles
    shown = sorted(found.columns, key=lambda name: name not in roles)[:SHOWN]
    width = max(len(_format_name(name)) for name in shown)
    for name in shown:
        yield f"  {roles.get(name, '-'):13}  {_format_name(name):{width}}  {found.samples[name]}"
    if len(found.columns) > SHOWN:
        yield f"  and {len(found.columns) - SHOWN} more columns"


def language_name(code: str) -> str:
    """The name of a language, or that it cannot be told."""
    return NAMES.get(code, "not told")


def _format_name(name: str) -> str:
    return repr(name[:40])


def _format_names(names: Iterable[str]) -> str:
    given = list(names)
    return ", ".join(given[:SHOWN]) + (f" and {len(given) - SHOWN} more" if len(given) > SHOWN else "")


def _shares(counts: Mapping[str, int], total: int) -> str:
    """Counts as "chat 120 (80 %), math 30 (20 %)", the commonest first."""
    return (
        _format_names(f"{name} {count:,} ({count / total:.0%})" for name, count in counts.items()) or "none"
    )
