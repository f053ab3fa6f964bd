"""Evolve rows and judge what came of them: for a round of the data set, and to evaluate a method.

The evolver is asked once about each row. A judge, if there is one, is asked about each child: one that it
finds equal to its parent has failed, one without a clear verdict stays.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from evobuild.answering import failures
from evobuild.core.chat import Message, Reply, Request, Sampling
from evobuild.core.draws import draw_value
from evobuild.core.errors import UserError
from evobuild.core.instructions import Instruction
from evobuild.core.reasons import NOT_ANSWERED
from evobuild.core.rejects import Reject
from evobuild.evolution import equality, methods
from evobuild.evolution.equality import Pair, Verdict
from evobuild.evolution.params import Failures
from evobuild.evolution.step import MOST_CALLS, Step, read_child
from evobuild.models.client import Model

SHOWN = 200
"""Characters of a judge's reply in the detail of a reject."""

Task = tuple[str, Step]
"""A key, unique among the rows that are tried together, and how its row is evolved."""


class _Call(NamedTuple):
    """One call about a task. number: from 1."""

    key: str
    step: Step
    number: int = 1


class Attempt(NamedTuple):
    """One try at evolving a row: the child that came of it, or why there is none.

    key: of its task. judged: False if a judge was asked and gave no clear verdict. number: 0, and from 1
    on with a new sample. last: nothing more is tried for this row. no_verdict: a judge was asked and no
    reply came.
    """

    key: str
    step: Step
    reply: Reply
    result: Instruction | Reject
    judged: bool = True
    number: int = 0
    last: bool = True
    no_verdict: bool = False

    @property
    def unanswered(self) -> bool:
        """Whether a reply that it needs did not come, of the evolver or of the judge."""
        return self.reply.unanswered or self.no_verdict


@dataclass(frozen=True)
class Evolution:
    """Who evolves, who judges, and what counts as a failure.

    round: name of the round that the children are in. judge: None if nobody is asked what is equal. gold:
    columns of `extra` that answer the parents alone.
    """

    round: str
    evolver: Model
    judge: Model | None
    rules: Failures
    gold: Sequence[str] = ()

    def attempt(self, tasks: Iterable[Task], sampling: Sampling) -> Iterator[Attempt]:
        """Try each task once, and give one attempt of each, in any order. sampling: of the evolver.

        Raises UserError if token probabilities are wanted and the engine gives none.
        """
        attempts = self._evolved(tasks, sampling)
        return attempts if self.judge is None else _judged(attempts, self.judge, judge_sampling(sampling))

    def _evolved(self, tasks: Iterable[Task], sampling: Sampling) -> Iterator[Attempt]:
        name = str(self.evolver.model)
        unanswered: deque[Attempt] = deque()
        waiting: Iterable[_Call] = _first_calls(tasks, unanswered)
        # What a reply leads to is asked at once, among the others, so that nothing waits for the last row.
        following: deque[_Call] = deque()
        while True:
            for call, reply in self._asked(_with_following(waiting, following), sampling):
                found = _next_step(call.step, reply)
                if isinstance(found, Step):
                    following.append(_next_call(call, found))
                    continue
                result = found or read_child(call.step, reply, self.round, name, self.rules, self.gold)
                if sampling.logprobs and isinstance(result, Instruction):
                    _check_logprobs(reply, name)
                yield Attempt(call.key, call.step, reply, result)
            while unanswered:
                yield unanswered.popleft()
            if not following:
                return
            waiting = ()

    def _asked(self, calls: Iterable[_Call], sampling: Sampling) -> Iterator[tuple[_Call, Reply]]:
        """Make each call once."""
        asked: dict[str, _Call] = {}

        def requests() -> Iterator[Request]:
            for call in calls:
                asked[call.key] = call
                own = sample_sampling(sampling, call.step.sample)
                yield Request(call.key, "evolve", (Message("user", call.step.prompt),), own)

        for reply in self.evolver.generate(requests()):
            yield asked.pop(reply.key), reply


def _first_calls(tasks: Iterable[Task], unanswered: deque[Attempt]) -> Iterator[_Call]:
    """Give the first call of each task. unanswered: takes those whose parent lacks the answer they show."""
    for key, step in tasks:
        if step.needs_answer and not step.parent.output:
            reject = Reject(step.parent.id, NOT_ANSWERED, f"{step.operation} shows its parent's answer", "")
            unanswered.append(Attempt(key, step, Reply(key, (), 0), reject))
        else:
            yield _Call(key, step)


def sample_sampling(sampling: Sampling, sample: int) -> Sampling:
    """How the evolver is asked for one of several replies to a prompt, the first by the sampling itself."""
    if not sample:
        return sampling
    return replace(sampling, seed=int(draw_value(sampling.seed, "sample", str(sample)) * 2**31))


def _with_following(calls: Iterable[_Call], following: deque[_Call]) -> Iterator[_Call]:
    """The calls, and among them those that have come up meanwhile."""
    for call in calls:
        while following:
            yield following.popleft()
        yield call
    while following:
        yield following.popleft()


def _next_call(call: _Call, step: Step) -> _Call:
    """The call after one whose reply led to another step. Raises ValueError if a strategy makes too many."""
    if call.number == MOST_CALLS:
        raise ValueError(f"a strategy asks more than {MOST_CALLS} times about a row")
    return _Call(call.key, step._replace(steps=call.step.steps), call.number + 1)


def _next_step(step: Step, reply: Reply) -> Step | Reject | None:
    """What a reply leads to: the step that asks next, a failure, or None if it holds the child."""
    if step.then is None:
        return None
    if reason := failures.reply_failure(reply):
        return Reject(step.parent.id, reason, reply.error or "", reply.kept)
    try:
        return step.then(reply.text)
    except methods.Unparsable as error:
        return Reject(step.parent.id, "unparsable", str(error), reply.text)


def _check_logprobs(reply: Reply, evolver: str) -> None:
    if not reply.choices[0].logprobs:
        raise UserError(
            f"{evolver} gives no token probabilities; set evolve.token_probability to false, "
            "or take an engine that does: vllm or transformers"
        )


def judge_sampling(sampling: Sampling) -> Sampling:
    """How the judge is asked: greedily, with as many tokens as the evolver may write."""
    return Sampling(max_tokens=sampling.max_tokens)


def _judged(attempts: Iterable[Attempt], judge: Model, sampling: Sampling) -> Iterator[Attempt]:
    """Ask the judge about each child; one that is equal to its parent has failed."""
    waiting: dict[str, Attempt] = {}
    failed: list[Attempt] = []

    def pairs() -> Iterator[Pair]:
        for attempt in attempts:
            if isinstance(attempt.result, Reject):
                failed.append(attempt)
            else:
                waiting[attempt.key] = attempt
                yield Pair(attempt.key, attempt.step.parent, attempt.result)

    for verdict in equality.judge_equality(pairs(), judge, sampling):
        yield _with_verdict(waiting.pop(verdict.key), verdict)
        while failed:
            yield failed.pop()
    yield from failed


def _with_verdict(attempt: Attempt, verdict: Verdict) -> Attempt:
    if verdict.equal:
        detail = f"the judge: {' '.join(verdict.reply.split())[:SHOWN]}"
        reject = Reject(attempt.step.parent.id, "equal", detail, attempt.reply.text)
        return attempt._replace(result=reject)
    return attempt._replace(judged=verdict.equal is not None, no_verdict=verdict.unanswered)
