"""A round of evolution: every parent tried until there is a child or no attempt is left, and its tables.

A parent without a child is lost, or kept as it was, as params say; no failed attempt goes uncounted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import polars as pl

from evobuild.core import tables
from evobuild.core.chat import Message, Reply, Request, Sampling
from evobuild.core.errors import UserError
from evobuild.core.params import Evolve
from evobuild.core.stage import log
from evobuild.core.tables import KEPT, Columns, Instruction, Reject
from evobuild.evolution import elimination, equality
from evobuild.evolution.step import Plan, Step, child
from evobuild.models.client import Model


class Attempt(NamedTuple):
    """One try at evolving a parent: the child that came of it, or why there is none.

    number: 0, and from 1 on with a new sample. last: nothing more is tried for this parent.
    judged: False if a judge was asked and gave no clear verdict.
    """

    number: int
    parent: Instruction
    step: Step
    reply: Reply
    result: Instruction | Reject
    last: bool = True
    judged: bool = True


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
        waiting: set[str] | None = None
        for number in range(passes):
            rows = ((at, row) for at, row in enumerate(parents()) if waiting is None or row.id in waiting)
            failed = set()
            for attempt in self._judged(self._asked(number, rows)):
                # Where there was no reply the engine has tried again already.
                fails = isinstance(attempt.result, Reject) and attempt.reply.error is None
                if fails and number + 1 < passes:
                    failed.add(attempt.parent.id)
                    attempt = attempt._replace(last=False)
                yield attempt
            if not failed:
                break
            waiting = failed

    def _asked(self, number: int, rows: Iterable[tuple[int, Instruction]]) -> Iterator[Attempt]:
        """Ask the evolver once about each row."""
        name = str(self.evolver.model)
        asking = sampling(self.params, self.seed, number)
        asked: dict[str, tuple[Instruction, Step]] = {}

        def requests() -> Iterator[Request]:
            for place, parent in rows:
                step = self.plan(place, parent)
                asked[parent.id] = parent, step
                yield Request(parent.id, "evolve", (Message("user", step.prompt),), asking)

        for reply in self.evolver.generate(requests()):
            parent, step = asked.pop(reply.key)
            result = child(parent, step, reply, self.name, name, self.params.failures)
            if asking.logprobs and isinstance(result, Instruction) and not reply.choices[0].logprobs:
                raise UserError(
                    f"{name} gives no token probabilities; set evolve.token_probability to false, "
                    "or take an engine that does: vllm or transformers"
                )
            yield Attempt(number, parent, step, reply, result)

    def _judged(self, attempts: Iterable[Attempt]) -> Iterator[Attempt]:
        """Ask the judge, if there is one, about each child; one that is equal to its parent has failed."""
        if self.judge is None:
            yield from attempts
            return
        waiting: dict[str, Attempt] = {}
        failed: list[Attempt] = []

        def pairs() -> Iterator[tuple[Instruction, Instruction]]:
            for attempt in attempts:
                if isinstance(attempt.result, Reject):
                    failed.append(attempt)
                else:
                    waiting[attempt.result.id] = attempt
                    yield attempt.parent, attempt.result

        judging = Sampling(max_tokens=self.params.max_tokens)
        for verdict in equality.judge(pairs(), self.judge, judging):
            yield _with(verdict, waiting.pop(verdict.id))
            while failed:
                yield failed.pop()
        yield from failed


def sampling(params: Evolve, seed: int, number: int) -> Sampling:
    """How the evolver is asked in an attempt, counted from 0: each has another seed."""
    return Sampling(
        params.temperature,
        params.top_p,
        params.max_tokens,
        seed=seed + number,
        logprobs=int(params.token_probability),
    )


def _with(verdict: equality.Verdict, attempt: Attempt) -> Attempt:
    if verdict.equal:
        detail = f"the judge: {' '.join(verdict.reply.split())[:200]}"
        return attempt._replace(result=Reject(attempt.parent.id, "equal", detail, attempt.reply.text))
    return attempt._replace(judged=verdict.equal is not None)


class Tables:
    """What comes of a round, gathered attempt by attempt.

    keep: whether the parent of a failed evolution stays in the round.
    """

    def __init__(self, round: str, keep: bool) -> None:
        self._round, self._keep = round, keep
        self._rows = {
            "child": Columns(tables.INSTRUCTIONS),
            "failures": Columns(pl.Schema(tables.FAILURES | {"lost": pl.Boolean})),
            "replies": Columns(tables.REPLIES),
        }
        self._counts = dict.fromkeys(("failed_attempts", "kept_parents", "unclear_verdicts"), 0)
        self._lost = dict.fromkeys(tables.CONTENT, 0)

    def take(self, attempts: Iterable[Attempt]) -> None:
        """Gather attempts."""
        for attempt in attempts:
            if isinstance(attempt.result, Reject):
                self._take_failure(attempt, attempt.result)
            else:
                self._take_child(attempt, attempt.result)

    def _take_child(self, attempt: Attempt, row: Instruction) -> None:
        number, parent, step, reply = attempt[:4]
        self._rows["child"].append(row)
        choice = reply.choices[0]
        best = None
        if choice.logprobs:
            best = [min(1.0, math.exp(max(position))) for position in choice.logprobs]
        self._rows["replies"].append((row.id, number, reply.prompt_tokens, choice.tokens, choice.text, best))
        self._counts["unclear_verdicts"] += not attempt.judged
        if step.keeps_input:
            lost = elimination.lost_content(parent, row.instruction, row.input)
            for kind in {_kind(each) for each in lost}:
                self._lost[kind] += 1

    def _take_failure(self, attempt: Attempt, reject: Reject) -> None:
        number, parent, step = attempt[:3]
        key = f"{parent.id}-{number}"
        is_lost = attempt.last and not self._keep
        self._rows["failures"].append(
            (key, parent.id, number, step.strategy, step.operation, parent.domain, *reject[1:], is_lost)
        )
        self._counts["failed_attempts"] += 1
        if attempt.last and self._keep:
            self._counts["kept_parents"] += 1
            self._rows["child"].append(kept(parent, self._round, step.strategy))

    def write(
        self, child: Path, rejects: Path, failed: Path, replies: Path, counts: Path, rows_in: int
    ) -> None:
        """Write the children, the rows lost, all failed attempts, the replies and the counts.

        One table after another, each let go once it is written: a million rows of all take gigabytes.
        Raises BadInput if no row is left. A round of nothing but kept parents goes on, and says so.
        """
        children, attempts = self._rows.pop("child").frame(), self._rows.pop("failures").frame()
        lost = attempts.filter("lost").select(pl.col("row").alias("id"), "reason", "detail", "reply")
        balance = tables.ledger(rows_in, children.height, lost)
        evolved = children.height - self._counts["kept_parents"]
        reasons = tables.count_reasons(attempts["reason"])
        tables.refuse_empty(f"{rows_in} rows came in", {"out": children.height, "rejects": reasons})
        if not evolved:
            log(f"none of {rows_in} rows has evolved, all are kept as they were: {reasons}")
        tables.write(rejects, lost)
        del lost
        tables.write(failed, attempts.drop("lost"))
        del attempts
        tables.write(child, children)
        del children
        tables.write(replies, self._rows.pop("replies").frame())
        tables.write_json(counts, balance | self._counts | {"lost_content": self._lost})


def _kind(lost: str) -> str:
    """Which of tables.CONTENT a description of a loss is about: "code of 3 lines: def f(x):" -> "code"."""
    return {"code": "code", "table": "tables"}.get(lost.split()[0], "figures")


def kept(parent: Instruction, round: str, strategy: str) -> Instruction:
    """The parent as a row of the next round, unevolved; without an output, as all there are answered.

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
    )
