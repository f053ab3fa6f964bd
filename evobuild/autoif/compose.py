"""Rows of the branch: a constraint on the answer as the instruction, and a query as its input.

Queries are rows of the seed, or of a file of their own, without earlier turns, of the domains and the length
that params allow. Each constraint is put to some of them, drawn for it alone, so that one more constraint
changes no other's rows; nor does a query more, at the end of a file (see `core.draws`). At most `rows` rows
are kept. Source: Hui et al. 2024, arXiv:2412.11231, whose rows
have this form, and whose larger set is cut by rows, so that it keeps its constraints.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import polars as pl

from evobuild.autoif.params import Compose
from evobuild.autoif.records import constraint_operation
from evobuild.autoif.verified import Verified
from evobuild.core.draws import HasPosition, PlacedIds, Rows, draw_rows, draw_value, read_rows
from evobuild.core.instructions import AUTOIF, INSTRUCTIONS, SEED_ROUND, Instruction, content_id, row_id
from evobuild.core.reasons import NOT_DRAWN
from evobuild.core.rejects import Reject, balance
from evobuild.core.table_writer import TableWriter
from evobuild.core.tables import Columns
from evobuild.seeds.clean import clean_source_rows, select_kept_rows, select_rejected_rows
from evobuild.seeds.formats import read_seed_rows


def write_query_file(path: Path, table: Path, rejects: TableWriter) -> Counter[str]:
    """Write the rows of a file, read as the stage seed reads its source, into a table; they are of no round.

    rejects: takes the others, which are counted by reason. Raises BadInput if the file or a record cannot be
    read.
    """
    queries, reasons = TableWriter(table, INSTRUCTIONS), Counter[str]()
    with clean_source_rows((source, None) for source in read_seed_rows(path)) as rows:
        for some in rows.batches():
            kept, lost = select_kept_rows(some), select_rejected_rows(some)
            queries.extend(kept.with_columns(round=pl.lit("")))
            rejects.extend(lost)
            reasons.update(lost["reason"])
    queries.write()
    return reasons


def filter_queries(rows: Iterable[Instruction], params: Compose) -> Iterator[Instruction | Reject]:
    """Give each row, or a reject if it is no query."""
    for row in rows:
        reason, detail = _find_reason(row, params)
        yield Reject(row.id, reason, detail, "") if reason else row


def _find_reason(row: Instruction, params: Compose) -> tuple[str, str]:
    """Return why a row is not a query, with a detail; '' for a query."""
    length = len(row.instruction)
    if row.history:
        return "earlier turns", str(len(row.history))
    if params.domains and row.domain not in params.domains:
        return "other domain", row.domain
    if length < params.min_characters:
        return "too short", f"{length} characters"
    if length > params.max_characters:
        return "too long", f"{length} characters"
    return "", ""


def keep_queries(
    sifted: Iterable[Instruction | Reject], rejects: TableWriter, lost: Counter[str]
) -> tuple[PlacedIds, dict[str, Any]]:
    """Keep of queries what draws need, and count them as `balance` does.

    rejects: takes the others. lost: how many were lost before, by reason.
    """
    queries = Columns(pl.Schema({"id": pl.String(), "seed_place": pl.Int64()}))
    kept, reasons = 0, lost.copy()
    for each in sifted:
        if isinstance(each, Reject):
            rejects.append(each)
            reasons[each.reason] += 1
        else:
            queries.append((each.id, each.seed_place))
            kept += 1
    return PlacedIds(queries.frame()), balance(kept + reasons.total(), kept, reasons)


def sample_queries(
    queries: Rows[HasPosition], constraints: Iterable[Verified], count: int, seed: int
) -> pl.DataFrame:
    """Sample queries for each constraint, up to `count`.

    Gives the `id` of each query with the `place` of each constraint that it is for, in this order.
    """
    drawn = [pl.DataFrame(schema={"id": pl.String, "place": pl.Int32})]
    for place, constraint in enumerate(constraints):
        ids = [query.id for query in draw_rows(queries, count, seed, f"compose {constraint.id}")]
        drawn.append(drawn[0].clear(len(ids)).with_columns(id=pl.Series(ids), place=place))
    return pl.concat(drawn).sort("id", "place")


class ComposedRows:
    """Constraints put to the queries that were drawn for them, in the order of the queries.

    table: the queries. drawn: as `sample_queries` gives it. round: name of the branch. The rows can be gone
    through several times, and are made each time.
    """

    def __init__(self, table: Path, drawn: pl.DataFrame, constraints: Sequence[Verified], round: str) -> None:
        self._table, self._drawn, self._constraints, self._round = table, drawn, constraints, round

    def __len__(self) -> int:
        return self._drawn.height

    def __iter__(self) -> Iterator[Instruction]:
        queries = read_rows(self._table, self._drawn["id"])
        places = groupby(self._drawn.iter_rows(), key=itemgetter(0))
        for query, (_, drawn) in zip(queries, places, strict=True):
            for _, place in drawn:
                yield _build_row(query, self._constraints[place], self._round)


def _build_row(query: Instruction, constraint: Verified, round: str) -> Instruction:
    operation = constraint_operation(constraint.id)
    text = "\n\n".join(filter(None, (query.instruction, query.input)))
    content = content_id((), constraint.constraint, text)
    own = row_id(round, query.id + operation, content)
    is_of_seed = query.round == SEED_ROUND
    return Instruction(
        id=own,
        content_id=content,
        seed_id=query.id if is_of_seed else own,
        parent_id=query.id if is_of_seed else "",
        round=round,
        domain=query.domain,
        history=(),
        instruction=constraint.constraint,
        input=text,
        output="",
        strategy=AUTOIF,
        operation=operation,
        evolver=constraint.model,
        seed_place=query.seed_place,
        extra=query.extra,
    )


def limit_rows(rows: Rows[Instruction], most: int | None, seed: int) -> Iterator[Instruction | Reject]:
    """Sample up to `most` rows, all if None; the others are rejects. One more row takes the place of one."""
    if most is None or len(rows) <= most:
        yield from rows
        return
    values = Columns(pl.Schema({"value": pl.Float64(), "id": pl.String()}))
    for row in rows:
        values.append(_sample_key(row, seed))
    last = values.frame().sort("value", "id").row(most - 1)
    for row in rows:
        yield row if _sample_key(row, seed) <= last else Reject(row.id, NOT_DRAWN, row.operation, "")


def _sample_key(row: Instruction, seed: int) -> tuple[float, str]:
    return draw_value(seed, "compose", row.id), row.id
