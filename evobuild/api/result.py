"""Rows in and rows out: what a caller has as instruction tables, and what came of it as DataFrames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl

from evobuild.api.notebook import render_tables
from evobuild.core import tables
from evobuild.core.errors import BadInput
from evobuild.core.tables import INSTRUCTIONS, REJECTS, SEED_ROUND, Instruction, Reject, Turn
from evobuild.seeds.fields import field_kind, json_kind, listed_fields

Rows = pl.DataFrame | Iterable[str | Mapping[str, Any]]
"""Instructions: a DataFrame, or texts and mappings. Of a row `instruction` is wanted; input, output, domain,
history ([{"role": …, "content": …}]) and whatever else an instruction table has may be there."""

OWN = tuple(Instruction._fields)


class Result(NamedTuple):
    """What came of rows: each is in `rows` or in `rejects`.

    rows: an instruction table; columns of the caller's own stay beside it. rejects: id, reason, detail, and
    the model's reply. unread: replies that could not be read, of rows that are kept nonetheless.
    """

    rows: pl.DataFrame
    rejects: pl.DataFrame
    unread: pl.DataFrame = REJECTS.to_frame()

    def _repr_html_(self) -> str:
        """Show as tables in a notebook."""
        unread = {"unread": self.unread} if self.unread.height else {}
        return render_tables(rows=self.rows, rejects=self.rejects, **unread)


class Given(NamedTuple):
    """Rows of a caller. others: by id, the columns that an instruction table has not."""

    rows: list[Instruction]
    others: pl.DataFrame

    def result(self, found: Iterable[Instruction | Reject]) -> Result:
        """Put what came of each row, one row or one reject, beside the caller's columns, in the given order.

        Raises ValueError if rows and rejects are not as many as came in: a bug of ours.
        """
        results = list(found)
        kept = {each.id: each for each in results if isinstance(each, Instruction)}
        rows = tables.frame(INSTRUCTIONS, (kept[row.id] for row in self.rows if row.id in kept))
        rejects = reject_table(each for each in results if isinstance(each, Reject))
        tables.ledger(len(self.rows), rows.height, rejects)
        return Result(self.with_others(rows), rejects)

    def measured(self, columns: pl.DataFrame, lost: Iterable[Reject]) -> Result:
        """Put measured columns beside the rows. columns: id and what was measured of it."""
        rejects = reject_table(lost)
        tables.ledger(len(self.rows), columns.height, rejects)
        own = tables.frame(INSTRUCTIONS, self.rows).join(columns, on="id", maintain_order="left")
        again = set(columns.columns) - {"id"}
        return Result(self.with_others(own, again), rejects)

    def with_others(self, rows: pl.DataFrame, but: Iterable[str] = ()) -> pl.DataFrame:
        """Put the caller's columns beside rows, but those that are measured anew."""
        return rows.join(self.others.drop(but, strict=False), on="id", how="left", maintain_order="left")


def given_rows(rows: Rows) -> Given:
    """Read the rows of a caller; what a row lacks follows from its content, its id too.

    Raises BadInput, with the row's place, if an instruction is missing or a value is of another kind, or
    if an id stands twice.
    """
    records = rows.to_dicts() if isinstance(rows, pl.DataFrame) else list(_listed(rows))
    copies: Counter[str] = Counter()
    found = [_instruction(record, place, copies) for place, record in enumerate(records)]
    if twice := [identity for identity, count in Counter(row.id for row in found).items() if count > 1]:
        raise BadInput(f"rows: the id {twice[0]!r:.60} stands twice; expected another for each row")
    return Given(found, _other_columns(records, [row.id for row in found]))


def _listed(rows: Iterable[str | Mapping[str, Any]]) -> Iterable[dict[str, Any]]:
    if isinstance(rows, str | Mapping):
        raise BadInput(f"rows is {json_kind(rows)}; expected a list of texts or mappings, or a DataFrame")
    for place, row in enumerate(rows):
        if not isinstance(row, str | Mapping):
            raise BadInput(f"rows[{place}] is {json_kind(row)}; expected a text or a mapping")
        yield {"instruction": row} if isinstance(row, str) else dict(row)


def _instruction(record: Mapping[str, Any], place: int, copies: Counter[str]) -> Instruction:
    own = {name: value for name, value in record.items() if name in OWN and value is not None}
    where = f"rows[{place}]"
    if not isinstance(own.get("instruction"), str):
        held = field_kind(dict(record), "instruction")
        raise BadInput(
            f"{where}: 'instruction' is {held}; expected text; its fields are {listed_fields(record)}"
        )
    texts = {"input": "", "output": "", "round": SEED_ROUND, "domain": "chat", "parent_id": ""} | own
    history = _turns(texts.pop("history", ()), where)
    numbers = {"seed_place": texts.pop("seed_place", place)}
    for name, value in texts.items():
        if not isinstance(value, str):
            raise BadInput(f"{where}: '{name}' is {json_kind(value)}; expected text")
    if not isinstance(numbers["seed_place"], int):
        raise BadInput(f"{where}: 'seed_place' is {json_kind(numbers['seed_place'])}; expected a number")
    content = tables.content_id(history, texts["instruction"], texts["input"])
    identity = texts.pop("id", "")
    if not identity:
        identity = tables.row_id(texts["round"], texts["parent_id"], content)
        copies[identity] += 1
        if copies[identity] > 1:
            # Nothing tells equal rows apart but their order.
            identity = tables.row_id(texts["round"], f"copy {copies[identity] - 1}", content)
    texts = {"seed_id": identity} | texts | {"content_id": content}
    return Instruction(id=identity, history=history, **texts, **numbers)


def _turns(history: object, where: str) -> tuple[Turn, ...]:
    """Read earlier turns: mappings of role and content, or pairs of them."""
    turns: list[Turn] = []
    for turn in history if isinstance(history, Sequence) and not isinstance(history, str) else (history,):
        pair = (turn.get("role"), turn.get("content")) if isinstance(turn, Mapping) else turn
        if not (
            isinstance(pair, list | tuple) and len(pair) == 2 and all(isinstance(each, str) for each in pair)
        ):
            raise BadInput(f"{where}: 'history' has {json_kind(turn)}; expected {{'role': …, 'content': …}}")
        if pair[0] not in ("system", "user", "assistant"):
            raise BadInput(
                f"{where}: 'history' has the role {pair[0]!r:.40}; expected system, user or assistant"
            )
        turns.append((pair[0], pair[1]))
    return tuple(turns)


def _other_columns(records: Sequence[Mapping[str, Any]], ids: Sequence[str]) -> pl.DataFrame:
    names = list(dict.fromkeys(name for record in records for name in record if name not in OWN))
    columns = {name: [record.get(name) for record in records] for name in names}
    try:
        return pl.DataFrame({"id": pl.Series(ids, dtype=pl.String), **columns}, strict=False)
    except (pl.exceptions.PolarsError, TypeError, OverflowError) as error:
        raise BadInput(
            f"rows: columns beside the instruction are no table: {str(error).splitlines()[0]}"
        ) from error


def reject_table(rejects: Iterable[Reject]) -> pl.DataFrame:
    """Rejects as a table."""
    return tables.frame(REJECTS, rejects)
