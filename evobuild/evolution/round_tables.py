"""Write the tables of a round of evolution: its rows, rejects, all failed attempts, and the replies.

A parent without a child is rejected or kept, as params say; every failed attempt is counted. Rows are written
as attempts arrive, so that memory does not grow with the round.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from evobuild.core.chat import Reply
from evobuild.core.evolution_tables import CONTENT, FAILURES, REPLIES
from evobuild.core.instructions import INSTRUCTIONS, KEPT, Instruction, row_id
from evobuild.core.json_files import write_json
from evobuild.core.reasons import commonest_reasons
from evobuild.core.rejects import REJECTS, Reject, balance, refuse_empty, sort_reasons
from evobuild.core.table_writer import TableWriter
from evobuild.core.tables import Columns
from evobuild.evolution import elimination
from evobuild.evolution.attempts import Attempt
from evobuild.process.terminal import log

_SCHEMAS = {
    "child": INSTRUCTIONS,
    "rejects": REJECTS,
    "failures": FAILURES,
    "replies": REPLIES,
}


class RoundOuts(NamedTuple):
    """Output files of a round: rows, rejects, all failed attempts, replies, and counts."""

    child: Path
    rejects: Path
    failures: Path
    replies: Path
    counts: Path


class RoundTables:
    """Collect the results of a round, attempt by attempt.

    keep: whether the parent of a failed evolution stays in the round. outs: None: keep all in memory.
    """

    def __init__(self, round: str, keep: bool, outs: RoundOuts | None = None) -> None:
        self._round, self._keep, self._outs = round, keep, outs
        self._rows: dict[str, Columns | TableWriter] = {
            name: TableWriter(getattr(outs, name), schema) if outs else Columns(schema)
            for name, schema in _SCHEMAS.items()
        }
        self._counts = dict.fromkeys(("failed_attempts", "kept_parents", "unclear_verdicts"), 0)
        self._lost_content = dict.fromkeys(CONTENT, 0)
        self._failed: Counter[str] = Counter()
        self._lost: Counter[str] = Counter()
        self._siblings: dict[str, list[Attempt]] = {}
        self._tasks = 0
        self._children = 0

    def add(self, attempts: Iterable[Attempt]) -> None:
        """Add attempts."""
        for attempt in attempts:
            self._tasks += attempt.last and not _is_first(attempt)
            if attempt.step.steps > 1:
                self._add_sibling(attempt)
            elif isinstance(attempt.result, Reject):
                self._add_failure(attempt, attempt.result)
            else:
                self._add_evolved(attempt, attempt.result)

    def _add_sibling(self, attempt: Attempt) -> None:
        """Add one of several tasks of a row; once all are done, add the row's children.

        Of equal children the one of the first step stays.
        """
        parent = attempt.step.parent.id
        if isinstance(attempt.result, Reject):
            self._add_failure(attempt, attempt.result)
        if not attempt.last:
            return
        ended = self._siblings.setdefault(parent, [])
        ended.append(attempt)
        if len(ended) < attempt.step.steps:
            return
        seen: set[str] = set()
        for each in sorted(self._siblings.pop(parent), key=lambda each: each.key):
            if not isinstance(each.result, Instruction):
                continue
            if each.result.id in seen:
                self._add_failure(each, Reject(parent, "exact duplicate", each.result.id, each.reply.text))
            else:
                seen.add(each.result.id)
                self._add_evolved(each, each.result)

    def _add_evolved(self, attempt: Attempt, row: Instruction) -> None:
        step, reply = attempt.step, attempt.reply
        self._add_child(row)
        choice, best = reply.choices[0], _top_probabilities(reply)
        told = attempt.number, reply.prompt_tokens, choice.tokens, choice.text, best, choice.reasoning
        self._rows["replies"].append((row.id, *told))
        self._counts["unclear_verdicts"] += not attempt.judged
        if not step.new_task:
            lost = elimination.find_lost_content(step.parent, row.instruction, row.input)
            for kind in {_content_kind(each) for each in lost}:
                self._lost_content[kind] += 1

    def _add_failure(self, attempt: Attempt, reject: Reject) -> None:
        number, step, parent = attempt.number, attempt.step, attempt.step.parent
        key = f"{attempt.key}-{number}"
        made = step.strategy, step.operation, parent.domain
        told = *reject[1:], _top_probabilities(attempt.reply)
        self._rows["failures"].append((key, parent.id, number, *made, *told))
        self._failed[reject.reason] += 1
        self._counts["failed_attempts"] += 1
        if not attempt.last:
            return
        # A row with several steps keeps its parent once.
        if self._keep and _is_first(attempt):
            self._counts["kept_parents"] += 1
            self._add_child(keep_parent(parent, self._round, step.strategy))
        else:
            self._rows["rejects"].append((attempt.key, *reject[1:]))
            self._lost[reject.reason] += 1

    def _add_child(self, row: Instruction) -> None:
        self._rows["child"].append(row)
        self._children += 1

    def balance(self, rows_in: int) -> dict[str, Any]:
        """Count rows in, out and rejected; a row's further tasks count as rows in."""
        return balance(rows_in + self._tasks, self._children, self._lost)

    def frame(self, name: str) -> pl.DataFrame:
        """Return one of the tables, if all are in memory: child, rejects, failures or replies."""
        rows = self._rows[name]
        assert isinstance(rows, Columns), "tables with outs are on disk"
        return rows.frame()

    def write(self, rows_in: int, asked: Sequence[Mapping[str, object]] = ()) -> None:
        """Write the tables and the counts.

        asked: usage of each model.

        Raises NothingLeft if no row is left. A round with kept parents only logs a warning.
        """
        assert self._outs, "there is no place to write to"
        balance = self.balance(rows_in)
        rows_in = balance["in"]
        reasons = sort_reasons(self._failed)
        if not self._children:
            lost = self._rows.pop("rejects")
            assert isinstance(lost, TableWriter), "with outs, tables go to disk"
            lost.write()
            counts = {"out": 0, "rejects": reasons}
            refuse_empty(f"{rows_in} rows came in", counts, self._outs.rejects)
        if self._children == self._counts["kept_parents"]:
            log(
                f"warning: no evolution of {rows_in} rows succeeded; keeping all parents: "
                f"{commonest_reasons(reasons)}"
            )
        # Write one table after the other and release it, so that memory holds one at a time.
        for name in ("rejects", "failures", "child", "replies"):
            table = self._rows.pop(name)
            assert isinstance(table, TableWriter), "with outs, tables go to disk"
            table.write()
        found = balance | self._counts | {"lost_content": self._lost_content, "asked": list(asked)}
        write_json(self._outs.counts, found)


def _is_first(attempt: Attempt) -> bool:
    """Return whether an attempt belongs to the first step of its row."""
    return attempt.key == attempt.step.parent.id


def _top_probabilities(reply: Reply) -> list[float] | None:
    """Return the probability of the likeliest token at each position; None if the engine returned none."""
    given = reply.choices[0].logprobs if reply.choices else None
    return [min(1.0, math.exp(max(position))) for position in given] if given else None


def _content_kind(lost: str) -> str:
    """Return the kind of lost content: "code of 3 lines: def f(x):" -> "code"."""
    return {"code": "code", "table": "tables"}.get(lost.split()[0], "figures")


def keep_parent(parent: Instruction, round: str, strategy: str) -> Instruction:
    """Return a parent as an unevolved row of the next round; without an output, because all rows get new
    answers.

    strategy: of the failed attempt.
    """
    return parent._replace(
        id=row_id(round, parent.id, parent.content_id),
        parent_id=parent.id,
        round=round,
        output="",
        strategy=strategy,
        operation=KEPT,
        responder="",
        reasoning="",
    )
