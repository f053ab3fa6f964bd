"""Evolve a round: retry every parent until it has a child or no attempt is left.

`round_tables` writes the results.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from evobuild.core.chat import Sampling
from evobuild.core.instructions import Instruction
from evobuild.core.reasons import NOT_ANSWERED
from evobuild.core.rejects import Reject
from evobuild.evolution.attempts import Attempt, Evolution, Task
from evobuild.evolution.params import Evolve
from evobuild.evolution.step import Plan
from evobuild.models.client import Model


@dataclass(frozen=True)
class Round:
    """Settings and models of one round. judge: decides which children are equal to their parents.

    gold: columns of `extra` that answer the parents only.
    """

    name: str
    plan: Plan
    params: Evolve
    seed: int
    evolver: Model
    judge: Model | None = None
    gold: Sequence[str] = ()

    def evolve(self, parents: Callable[[], Iterable[Instruction]]) -> Iterator[Attempt]:
        """Try each parent until it has a child or no attempt is left; yield every attempt, in any order.

        Args:
            parents: returns an iterator over all rows, in the same order every time; it is called once per
                pass, so that memory need not hold the failed rows.

        Raises:
            UserError: token probabilities are requested and the engine returns none.
        """
        passes = 1 + (self.params.retries if self.params.on_failure == "retry" else 0)
        evolution = Evolution(self.name, self.evolver, self.judge, self.params.failures, self.gold)
        waiting: set[str] | None = None
        for number in range(passes):
            tasks = (task for task in self._tasks(parents()) if waiting is None or task[0] in waiting)
            failed = set()
            for attempt in evolution.attempt(tasks, evolver_sampling(self.params, self.seed, number)):
                again = number + 1 < passes and _may_succeed(attempt)
                if again:
                    failed.add(attempt.key)
                yield attempt._replace(number=number, last=not again)
            if not failed:
                break
            waiting = failed

    def _tasks(self, parents: Iterable[Instruction]) -> Iterator[Task]:
        """Yield the steps of each row: the first keyed by the row's id, further ones by id and number."""
        for row in parents:
            step = self.plan(row)
            steps = 1 + len(step.also)
            yield row.id, step._replace(steps=steps)
            for number, other in enumerate(step.also, start=1):
                yield f"{row.id}/{number}", other._replace(steps=steps)


def _may_succeed(attempt: Attempt) -> bool:
    """Return whether a retry can help: the engine has already retried calls without a reply."""
    failed = attempt.result if attempt.reply.error is None else None
    return isinstance(failed, Reject) and failed.reason != NOT_ANSWERED


def evolver_sampling(params: Evolve, seed: int, number: int) -> Sampling:
    """Return the evolver's sampling for an attempt, counted from 0: each has another seed."""
    return Sampling(
        params.temperature,
        params.top_p,
        params.max_tokens,
        seed=seed + number,
        logprobs=int(params.token_probability),
    )
