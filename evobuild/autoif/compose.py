"""Rows of the branch: a constraint on the answer as the instruction, and a query as its input.

Queries are rows of the seed, or of a file of their own, without earlier turns, of the domains and the length
that params allow. Each constraint is put to some of them, drawn for it alone, so that one more constraint
changes no other's rows; nor does a query more, at the end of a file (see `core.draws`). Of all rows so many
are drawn. Source: Hui et al. 2024, arXiv:2412.11231, whose rows
have this form, and whose larger set is cut by rows, so that it keeps its constraints.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from evobuild.autoif.params import Compose
from evobuild.autoif.records import constraint_operation
from evobuild.autoif.verified import Verified
from evobuild.core.draws import draw_lowest, draw_rows
from evobuild.core.reasons import NOT_DRAWN
from evobuild.core.tables import (
    AUTOIF,
    SEED_ROUND,
    Instruction,
    Reject,
    content_id,
    instructions,
    row_id,
)
from evobuild.seeds.clean import cleaned_rows, kept_rows, lost_rows
from evobuild.seeds.formats import read_seed_rows


def read_query_file(path: Path) -> tuple[list[Instruction], list[Reject]]:
    """Read a file as the stage seed reads its source; the rows are of no round.

    Raises BadInput if the file or a record cannot be read.
    """
    kept: list[Instruction] = []
    lost: list[Reject] = []
    with cleaned_rows((source, None) for source in read_seed_rows(path)) as rows:
        for some in rows.batches():
            kept += (row._replace(round="") for row in instructions(kept_rows(some)))
            lost += map(Reject._make, lost_rows(some).iter_rows())
    return kept, lost


def sift_queries(rows: Iterable[Instruction], params: Compose) -> Iterator[Instruction | Reject]:
    """Give each row, or a reject if it is no query."""
    for row in rows:
        reason, detail = _reason(row, params)
        yield Reject(row.id, reason, detail, "") if reason else row


def _reason(row: Instruction, params: Compose) -> tuple[str, str]:
    """Why a row is no query, and in detail; '' if it is one."""
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


def compose_rows(
    queries: Sequence[Instruction], constraints: Iterable[Verified], round: str, count: int, seed: int
) -> Iterator[Instruction]:
    """Put each constraint to some queries, or to all if there are no more.

    round: name of the branch. count: queries of a constraint.
    """
    for constraint in constraints:
        for query in draw_rows(queries, count, seed, f"compose {constraint.id}"):
            yield _row(query, constraint, round)


def _row(query: Instruction, constraint: Verified, round: str) -> Instruction:
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


def cut_rows(
    rows: Sequence[Instruction], most: int | None, seed: int
) -> tuple[list[Instruction], list[Reject]]:
    """Draw so many rows, all if most is None; the others are rejects. One more row takes the place of one."""
    order = draw_lowest(rows, len(rows), seed, "compose", by=lambda row: row.id)
    drawn = len(order) if most is None else most
    return order[:drawn], [Reject(row.id, NOT_DRAWN, row.operation, "") for row in order[drawn:]]
