"""A round of evolution: every parent tried until there is a child or no attempt is left, and its tables.

A parent without a child is lost, or kept as it was, as params say; no failed attempt goes uncounted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from evobuild.core import tables
from evobuild.core.chat import Reply, Sampling
from evobuild.core.reasons import commonest_reasons
from evobuild.core.tables import KEPT as KEPT
from evobuild.core.tables import Columns, Instruction, Reject
from evobuild.core.terminal import log
from evobuild.evolution import elimination
from evobuild.evolution.attempts import Attempt, Evolution, Task
from evobuild.evolution.params import Evolve
from evobuild.evolution.step import Plan
from evobuild.models.client import Model


@dataclass(frozen=True)
class Round:
    """How the parents of one round are evolved. judge: says which children are equal to their parents."""

    name: str
    plan: Plan
    params: Evolve
    seed: int
    evolver: Model
    judge: Model | None = None

    def evolve(self, parents: Callable[[], Iterable[Instruction]]) -> Iterator[Attempt]:
        """Try each parent until there is a child or no attempt is left; give every attempt, in any order.

        parents: goes through all rows, in the same order every time; it is called once per pass, so
        that rows which failed need not be held.

        Raises UserError if token probabilities are wanted and the engine gives none.
        """
        passes = 1 + (self.params.retries if self.params.on_failure == "retry" else 0)
        evolution = Evolution(self.name, self.evolver, self.judge, self.params.failures)
        waiting: set[str] | None = None
        for number in range(passes):
            tasks = (task for task in self._tasks(parents()) if waiting is None or task[0] in waiting)
            failed = set()
            for attempt in evolution.attempt(tasks, evolver_sampling(self.params, self.seed, number)):
                # Where there was no reply the engine has tried again already.
                fails = isinstance(attempt.result, Reject) and attempt.reply.error is None
                again = fails and number + 1 < passes
                if again:
                    failed.add(attempt.key)
                yield attempt._replace(number=number, last=not again)
            if not failed:
                break
            waiting = failed

    def _tasks(self, parents: Iterable[Instruction]) -> Iterator[Task]:
        """Give the steps of each row: the first by the row's id, a further one by id and number."""
        for row in parents:
            step = self.plan(row)
            yield row.id, step
            for number, other in enumerate(step.also, start=1):
                yield f"{row.id}/{number}", other


def evolver_sampling(params: Evolve, seed: int, number: int) -> Sampling:
    """How the evolver is asked in an attempt, counted from 0: each has another seed."""
    return Sampling(
        params.temperature,
        params.top_p,
        params.max_tokens,
        seed=seed + number,
        logprobs=int(params.token_probability),
    )


class RoundOuts(NamedTuple):
    """The files of a round: its rows, the rows lost, all failed attempts, the replies, the stage counts."""

    child: Path
    rejects: Path
    failures: Path
    replies: Path
    counts: Path


class Gathered(NamedTuple):
    """What came of a round: its rows, all failed attempts (FAILURES), the rows lost, and their balance."""

    children: pl.DataFrame
    attempts: pl.DataFrame
    lost: pl.DataFrame
    balance: dict[str, Any]


class RoundTables:
    """What comes of a round, gathered attempt by attempt.

    keep: whether the parent of a failed evolution stays in the round.
    """

    def __init__(self, round: str, keep: bool) -> None:
        self._round, self._keep = round, keep
        self._rows = {
            "child": Columns(tables.INSTRUCTIONS),
            "failures": Columns(pl.Schema(tables.FAILURES | {"lost": pl.Boolean, "task": pl.String})),
            "replies": Columns(tables.REPLIES),
        }
        self._counts = dict.fromkeys(("failed_attempts", "kept_parents", "unclear_verdicts"), 0)
        self._lost = dict.fromkeys(tables.CONTENT, 0)
        self._siblings: list[Attempt] = []
        self._further_tasks = 0

    def take(self, attempts: Iterable[Attempt]) -> None:
        """Gather attempts."""
        for attempt in attempts:
            self._further_tasks += attempt.last and not _is_first(attempt)
            if isinstance(attempt.result, Reject):
                self._take_failure(attempt, attempt.result)
            elif _is_first(attempt) and not attempt.step.also:
                self._take_child(attempt, attempt.result)
            else:
                self._siblings.append(attempt)

    def _take_siblings(self) -> None:
        """Gather the children of rows that may have several; of equal ones the first by its step stays."""
        seen: set[str] = set()
        for attempt in sorted(self._siblings, key=lambda attempt: attempt.key):
            assert isinstance(attempt.result, Instruction), "failures are gathered at once"
            if attempt.result.id in seen:
                equal = Reject(
                    attempt.step.parent.id, "exact duplicate", attempt.result.id, attempt.reply.text
                )
                self._take_failure(attempt, equal)
            else:
                seen.add(attempt.result.id)
                self._take_child(attempt, attempt.result)
        self._siblings.clear()

    def _take_child(self, attempt: Attempt, row: Instruction) -> None:
        step, reply = attempt.step, attempt.reply
        self._rows["child"].append(row)
        choice, best = reply.choices[0], _top_probabilities(reply)
        self._rows["replies"].append(
            (
                row.id,
                attempt.number,
                reply.prompt_tokens,
                choice.tokens,
                choice.text,
                best,
                choice.reasoning,
            )
        )
        self._counts["unclear_verdicts"] += not attempt.judged
        if step.keeps_input:
            lost = elimination.lost_content(step.parent, row.instruction, row.input)
            for kind in {_kind(each) for each in lost}:
                self._lost[kind] += 1

    def _take_failure(self, attempt: Attempt, reject: Reject) -> None:
        number, step, parent = attempt.number, attempt.step, attempt.step.parent
        key = f"{attempt.key}-{number}"
        # Of a row with several steps the parent is kept once.
        keeps = self._keep and _is_first(attempt)
        is_lost = attempt.last and not keeps
        made = step.strategy, step.operation, parent.domain
        told = *reject[1:], _top_probabilities(attempt.reply)
        self._rows["failures"].append((key, parent.id, number, *made, *told, is_lost, attempt.key))
        self._counts["failed_attempts"] += 1
        if attempt.last and keeps:
            self._counts["kept_parents"] += 1
            self._rows["child"].append(keep_parent(parent, self._round, step.strategy))

    def gathered(self, rows_in: int) -> Gathered:
        """Give the children, all failed attempts, the rows lost and the balance; once, as it lets them go."""
        self._take_siblings()
        children, attempts = self._rows.pop("child").frame(), self._rows.pop("failures").frame()
        lost = attempts.filter("lost").select(pl.col("task").alias("id"), "reason", "detail", "reply")
        balance = tables.ledger(rows_in + self._further_tasks, children.height, lost)
        return Gathered(children, attempts.drop("lost", "task"), lost, balance)

    def write(self, outs: RoundOuts, rows_in: int, asked: Sequence[Mapping[str, object]] = ()) -> None:
        """Write the children, the rows lost, all failed attempts, the replies and the counts.

        asked: what was asked of each model. One table after another, each let go once it is written: a
        million rows of all take gigabytes.

        Raises BadInput if no row is left. A round of nothing but kept parents goes on, and says so.
        """
        children, attempts, lost, balance = self.gathered(rows_in)
        rows_in = balance["in"]
        evolved = children.height - self._counts["kept_parents"]
        reasons = tables.count_reasons(attempts["reason"])
        tables.refuse_empty(f"{rows_in} rows came in", {"out": children.height, "rejects": reasons})
        if not evolved:
            log(
                f"none of {rows_in} rows has evolved, all are kept as they were: {commonest_reasons(reasons)}"
            )
        tables.write(outs.rejects, lost)
        del lost
        tables.write(outs.failures, attempts)
        del attempts
        tables.write(outs.child, children)
        del children
        tables.write(outs.replies, self._rows.pop("replies").frame())
        tables.write_json(
            outs.counts, balance | self._counts | {"lost_content": self._lost, "asked": list(asked)}
        )


def _is_first(attempt: Attempt) -> bool:
    """Whether it is of the first step of its row, or the only one."""
    return attempt.key == attempt.step.parent.id


def _top_probabilities(reply: Reply) -> list[float] | None:
    """The probability of the likeliest token at each output position; None if the engine gave none."""
    given = reply.choices[0].logprobs if reply.choices else None
    return [min(1.0, math.exp(max(position))) for position in given] if given else None


def _kind(lost: str) -> str:
    """Which of tables.CONTENT a description of a loss is about: "code of 3 lines: def f(x):" -> "code"."""
    return {"code": "code", "table": "tables"}.get(lost.split()[0], "figures")


def keep_parent(parent: Instruction, round: str, strategy: str) -> Instruction:
    """Give the parent as a row of the next round, unevolved; without an output, as all there are answered.

    strategy: by which a child was tried for.
    """
    return parent._replace(
        id=tables.row_id(round, parent.id, parent.content_id),
        parent_id=parent.id,
        round=round,
        output="",
        strategy=strategy,
        operation=KEPT,
        responder="",
        reasoning="",
    )
