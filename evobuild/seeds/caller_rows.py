"""Rows that a caller has at hand, as an instruction table.

Of its columns only `instruction` is required; the others get defaults, and ids from the content. history is a
list of {role, content}. Columns that an instruction table does not have are kept beside it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import polars as pl

from evobuild.core import tables
from evobuild.core.errors import BadInput
from evobuild.core.instructions import (
    INSTRUCTIONS,
    SEED_ROUND,
    Instruction,
    content_id,
    iterate_instructions,
    row_id,
)
from evobuild.seeds.fields import format_fields, json_kind

Rows = pl.DataFrame | Iterable[str | Mapping[str, Any]]
"""A DataFrame, or texts and mappings."""
ROLES = ("system", "user", "assistant")
_DEFAULTS = {"domain": "chat", "round": SEED_ROUND, "history": [], "seed_place": pl.int_range(pl.len())}


class CallerRows(NamedTuple):
    """table: INSTRUCTIONS, in the caller's order. others: id, and the other columns."""

    table: pl.DataFrame
    others: pl.DataFrame

    def beside(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Put the other columns beside rows that do not have them."""
        others = self.others.drop(set(rows.columns) - {"id"}, strict=False)
        return rows.join(others, on="id", how="left", maintain_order="left")


def read_caller_rows(rows: Rows) -> CallerRows:
    """Read rows; those without an id get a hash of their content.

    Raises BadInput if an instruction is missing, a value is of another kind, or two rows have one id.
    """
    given = rows if isinstance(rows, pl.DataFrame) else _frame(list_rows(rows))
    if given.height and "instruction" not in given.columns:
        raise BadInput(f"rows: 'instruction' is missing; the columns are {format_fields(given.columns)}")
    own = pl.DataFrame({name: _column(given, name, kind) for name, kind in INSTRUCTIONS.items()})
    missing = own.select(pl.arg_where(pl.col("instruction").is_null())).to_series()
    if missing.len():
        raise BadInput(f"rows[{missing[0]}]: 'instruction' is missing; expected text")
    defaults = {name: _DEFAULTS.get(name, "") for name in INSTRUCTIONS}
    filled = own.with_columns(pl.col(name).fill_null(default) for name, default in defaults.items())
    table = tables.frame(INSTRUCTIONS, _add_ids(iterate_instructions(filled)))
    if twice := table.filter(pl.col("id").is_duplicated())["id"].to_list():
        raise BadInput(f"rows: the id {twice[0]!r:.60} is there twice; expected another for each row")
    others = given.select(name for name in given.columns if name not in INSTRUCTIONS)
    return CallerRows(table, pl.DataFrame([table["id"], *others]))


def list_rows(rows: Rows) -> list[str | dict[str, Any]]:
    """List rows as texts and records. Raises BadInput at another kind of row."""
    if isinstance(rows, str | Mapping):
        raise BadInput(f"rows is {json_kind(rows)}; expected a list of texts or mappings, or a DataFrame")
    found: list[str | dict[str, Any]] = []
    for place, row in enumerate(rows.to_dicts() if isinstance(rows, pl.DataFrame) else rows):
        if not isinstance(row, str | Mapping):
            raise BadInput(f"rows[{place}] is {json_kind(row)}; expected a text or a mapping")
        found.append(row if isinstance(row, str) else dict(row))
    return found


def _frame(rows: list[str | dict[str, Any]]) -> pl.DataFrame:
    records = [{"instruction": row} if isinstance(row, str) else row for row in rows]
    try:
        return pl.DataFrame(records, infer_schema_length=None)
    except (pl.exceptions.PolarsError, TypeError, OverflowError) as error:
        raise BadInput(f"rows: a column is of several kinds: {error}") from error


def _column(given: pl.DataFrame, name: str, kind: Any) -> pl.Series:
    """A column of an instruction table, null if it is missing. Raises BadInput at another kind."""
    found = given[name] if name in given.columns else pl.Series([None] * given.height)
    expected = {"history": "lists of {role, content}", "seed_place": "numbers"}.get(name, "text")
    if found.dtype == pl.Null or kind != pl.String or found.dtype == pl.String:
        try:
            cast = found.cast(kind)
            roles = set(cast.explode().struct.field("role").drop_nulls()) if name == "history" else set()
            if not roles - set(ROLES):
                return cast
            expected = f"the roles {', '.join(ROLES)}"
        except pl.exceptions.PolarsError:
            pass
    first = found.drop_nulls().head(1).to_list()
    raise BadInput(f"rows: '{name}' has values such as {first[0]!r:.80}; expected {expected}")


def _add_ids(rows: Iterable[Instruction]) -> Iterator[Instruction]:
    """Give rows the ids that they lack."""
    copies: Counter[str] = Counter()
    for row in rows:
        content = content_id(row.history, row.instruction, row.input)
        identity = row.id
        if not identity:
            identity = made = row_id(row.round, row.parent_id, content)
            if copies[made]:
                # Only their order distinguishes equal rows.
                identity = row_id(row.round, f"copy {copies[made]}", content)
            copies[made] += 1
        yield row._replace(id=identity, content_id=content, seed_id=row.seed_id or identity)
