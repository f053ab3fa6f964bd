"""The tables of a round of evolution: its rows, the rows lost, all failed attempts, and the replies.

A parent without a child is lost, or kept as it was, as params say; no failed attempt goes uncounted. The
tables are written as attempts come, so that a round takes as much memory for ten million rows as for one.
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
    """The files of a round: its rows, the rows lost, all failed attempts, the replies, the stage counts."""

    child: Path
    rejects: Path
    failures: Path
    replies: Path
    counts: Path


class RoundTables:
    """What comes of a round, taken attempt by attempt.

    keep: whether the parent of a failed evolution stays in the round. outs: None to hold all in memory.
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
        """Take attempts."""
        for attempt in attempts:
            self._tasks += attempt.last and not _is_first(attempt)
            if attempt.step.steps > 1:
                self._take_sibling(attempt)
            elif isinstance(attempt.result, Reject):
                self._take_failure(attempt, attempt.result)
            else:
                self._take_child(attempt, attempt.result)

    def _take_sibling(self, attempt: Attempt) -> None:
        """Take one of several tasks of a row; once all have ended, the row's children.

        Of equal ones the first by its step stays.
        """
        parent = attempt.step.parent.id
        if isinstance(attempt.result, Reject):
            self._take_failure(attempt, attempt.result)
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
                self._take_failure(each, Reject(parent, "exact duplicate", each.result.id, each.reply.text))
            else:
                seen.add(each.result.id)
                self._take_child(each, each.result)

    def _take_child(self, attempt: Attempt, row: Instruction) -> None:
        step, reply = attempt.step, attempt.reply
        self._add_child(row)
        choice, best = reply.choices[0], _top_probabilities(reply)
        told = attempt.number, reply.prompt_tokens, choice.tokens, choice.text, best, choice.reasoning
        self._rows["replies"].append((row.id, *told))
        self._counts["unclear_verdicts"] += not attempt.judged
        if not step.new_task:
            lost = elimination.lost_content(step.parent, row.instruction, row.input)
            for kind in {_kind(each) for each in lost}:
                self._lost_content[kind] += 1

    def _take_failure(self, attempt: Attempt, reject: Reject) -> None:
        number, step, parent = attempt.number, attempt.step, attempt.step.parent
        key = f"{attempt.key}-{number}"
        made = step.strategy, step.operation, parent.domain
        told = *reject[1:], _top_probabilities(attempt.reply)
        self._rows["failures"].append((key, parent.id, number, *made, *told))
        self._failed[reject.reason] += 1
        self._counts["failed_attempts"] += 1
        if not attempt.last:
            return
        # Of a row with several steps the parent is kept once.
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
        """Count what came in, went out and was lost; a row's further tasks count as rows that came in."""
        return balance(rows_in + self._tasks, self._children, self._lost)

    def frame(self, name: str) -> pl.DataFrame:
        """One of the tables, if all are in memory: child, rejects, failures or replies."""
        rows = self._rows[name]
        assert isinstance(rows, Columns), "tables with outs are on disk"
        return rows.frame()

    def write(self, rows_in: int, asked: Sequence[Mapping[str, object]] = ()) -> None:
        """Write the tables and the counts.

        asked: what was asked of each model.

        Raises NothingLeft if no row is left. A round of nothing but kept parents goes on, and says so.
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
                f"none of {rows_in} rows has evolved, all are kept as they were: {commonest_reasons(reasons)}"
            )
        # One after another, each let go once it is written.
        for name in ("rejects", "failures", "child", "replies"):
            table = self._rows.pop(name)
            assert isinstance(table, TableWriter), "with outs, tables go to disk"
            table.write()
        found = balance | self._counts | {"lost_content": self._lost_content, "asked": list(asked)}
        write_json(self._outs.counts, found)


def _is_first(attempt: Attempt) -> bool:
    """Whether it is of the first step of its row, or the only one."""
    return attempt.key == attempt.step.parent.id


def _top_probabilities(reply: Reply) -> list[float] | None:
    """The probability of the likeliest token at each output position; None if the engine gave none."""
    given = reply.choices[0].logprobs if reply.choices else None
    return [min(1.0, math.exp(max(position))) for position in given] if given else None


def _kind(lost: str) -> str:
    """Which of CONTENT a description of a loss is about: "code of 3 lines: def f(x):" -> "code"."""
    return {"code": "code", "table": "tables"}.get(lost.split()[0], "figures")


def keep_parent(parent: Instruction, round: str, strategy: str) -> Instruction:
    """Give the parent as a row of the next round, unevolved; without an output, as all there are answered.

    strategy: by which a child was tried for.
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
