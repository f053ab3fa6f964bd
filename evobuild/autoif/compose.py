"""Rows of the branch: an instruction of the seed, and a constraint on its answer.

Queries are seed rows without earlier turns, of the domains and the length that params allow. Each
constraint is put to some of them, drawn for it alone, so that one more constraint changes no other's rows.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence

from evobuild.autoif.params import Compose
from evobuild.autoif.records import constraint_operation
from evobuild.autoif.verified import Verified
from evobuild.core.prompts import render
from evobuild.core.tables import AUTOIF, Instruction, Reject, content_id, row_id


def sift_queries(rows: Iterable[Instruction], params: Compose) -> Iterator[Instruction | Reject]:
    """Give each seed row, or a reject if it is no query."""
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
    by_id = {row.id: row for row in queries}
    ids = sorted(by_id)
    for constraint in constraints:
        drawn = random.Random(f"{seed} compose {constraint.id}").sample(ids, min(count, len(ids)))
        for query in map(by_id.__getitem__, drawn):
            yield _row(query, constraint, round)


def _row(query: Instruction, constraint: Verified, round: str) -> Instruction:
    operation = constraint_operation(constraint.id)
    text = render("autoif/compose.jinja", query=query.instruction, constraint=constraint.constraint)
    content = content_id((), text, query.input)
    return Instruction(
        id=row_id(round, query.id + operation, content),
        content_id=content,
        seed_id=query.id,
        parent_id=query.id,
        round=round,
        domain=query.domain,
        history=(),
        instruction=text,
        input=query.input,
        output="",
        strategy=AUTOIF,
        operation=operation,
        evolver=constraint.model,
    )
