"""Evolve rows and judge the children: for a round of the dataset, and to evaluate a method.

The evolver is called once per row. A judge, if there is one, is called once per child: a child that it finds
equal to its parent has failed; a child without a clear verdict stays.
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
from evobuild.evolution.equality import EqualityPair, EqualityVerdict
from evobuild.evolution.params import Failures
from evobuild.evolution.step import MOST_CALLS, Step, read_child
from evobuild.models.client import Model

SHOWN = 200
"""Maximum characters of a judge's reply in the detail of a reject."""

Task = tuple[str, Step]
"""A key, unique among the rows of one call, and the step that evolves its row."""


class _Call(NamedTuple):
    """One call for a task. number: from 1."""

    key: str
    step: Step
    number: int = 1


class Attempt(NamedTuple):
    """One attempt to evolve a row: its child, or the reject.

    key: of its task. judged: False if a judge was called and gave no clear verdict. number: 0, and from 1 for
    retries with another seed. last: no further attempt follows for this row. no_verdict: a judge was called
    and did not reply.
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
        """Return whether a reply that it needs is missing, from the evolver or the judge."""
        return self.reply.unanswered or self.no_verdict


@dataclass(frozen=True)
class Evolution:
    """Models and rules of evolution.

    round: name of the children's round. judge: None: do not check whether a child equals its parent. gold:
    columns of `extra` that answer the parents only.
    """

    round: str
    evolver: Model
    judge: Model | None
    rules: Failures
    gold: Sequence[str] = ()

    def attempt(self, tasks: Iterable[Task], sampling: Sampling) -> Iterator[Attempt]:
        """Try each task once; yield one attempt per task, in any order. sampling: of the evolver.

        Raises UserError if token probabilities are requested and the engine returns none.
        """
        attempts = self._run_steps(tasks, sampling)
        return (
            attempts
            if self.judge is None
            else _judge_attempts(attempts, self.judge, judge_sampling(sampling))
        )

    def _run_steps(self, tasks: Iterable[Task], sampling: Sampling) -> Iterator[Attempt]:
        name = str(self.evolver.model)
        unanswered: deque[Attempt] = deque()
        waiting: Iterable[_Call] = _first_calls(tasks, unanswered)
        # Follow-up calls join the running stream, so that the engine stays full and none waits for the last
        # row.
        following: deque[_Call] = deque()
        while True:
            for call, reply in self._call_evolver(_interleave(waiting, following), sampling):
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

    def _call_evolver(self, calls: Iterable[_Call], sampling: Sampling) -> Iterator[tuple[_Call, Reply]]:
        """Send each call once."""
        asked: dict[str, _Call] = {}

        def requests() -> Iterator[Request]:
            for call in calls:
                asked[call.key] = call
                own = reseed_sampling(sampling, call.step.sample)
                yield Request(call.key, "evolve", (Message("user", call.step.prompt),), own)

        for reply in self.evolver.generate(requests()):
            yield asked.pop(reply.key), reply


def _first_calls(tasks: Iterable[Task], unanswered: deque[Attempt]) -> Iterator[_Call]:
    """Yield the first call of each task. unanswered: receives tasks whose parent lacks a required answer."""
    for key, step in tasks:
        if step.needs_answer and not step.parent.output:
            reject = Reject(step.parent.id, NOT_ANSWERED, f"{step.operation} shows its parent's answer", "")
            unanswered.append(Attempt(key, step, Reply(key, (), 0), reject))
        else:
            yield _Call(key, step)


def reseed_sampling(sampling: Sampling, sample: int) -> Sampling:
    """Return the sampling of one of several replies to a prompt: the first has the given seed, others
    their own.
    """
    if not sample:
        return sampling
    return replace(sampling, seed=int(draw_value(sampling.seed, "sample", str(sample)) * 2**31))


def _interleave(calls: Iterable[_Call], following: deque[_Call]) -> Iterator[_Call]:
    """Yield the calls, and between them the follow-up calls that have arrived meanwhile."""
    for call in calls:
        while following:
            yield following.popleft()
        yield call
    while following:
        yield following.popleft()


def _next_call(call: _Call, step: Step) -> _Call:
    """Return the call after one whose reply led to another step. Raises ValueError above MOST_CALLS."""
    if call.number == MOST_CALLS:
        raise ValueError(f"a strategy asks more than {MOST_CALLS} times about a row")
    return _Call(call.key, step._replace(steps=call.step.steps), call.number + 1)


def _next_step(step: Step, reply: Reply) -> Step | Reject | None:
    """Return the step that a reply leads to, a reject, or None if the reply holds the child."""
    if step.then is None:
        return None
    if reason := failures.find_reply_failure(reply):
        return Reject(step.parent.id, reason, reply.error or "", reply.kept)
    try:
        return step.then(reply.text)
    except methods.Unparsable as error:
        return Reject(step.parent.id, "unparsable", str(error), reply.text)


def _check_logprobs(reply: Reply, evolver: str) -> None:
    if not reply.choices[0].logprobs:
        raise UserError(
            f"{evolver} returns no token probabilities; set evolve.token_probability to false, "
            "or use an engine that returns them: vllm or transformers"
        )


def judge_sampling(sampling: Sampling) -> Sampling:
    """Return the sampling of judge calls: greedy, with the evolver's maximum tokens."""
    return Sampling(max_tokens=sampling.max_tokens)


def _judge_attempts(attempts: Iterable[Attempt], judge: Model, sampling: Sampling) -> Iterator[Attempt]:
    """Have the judge check each child; one that is equal to its parent has failed."""
    waiting: dict[str, Attempt] = {}
    failed: list[Attempt] = []

    def pairs() -> Iterator[EqualityPair]:
        for attempt in attempts:
            if isinstance(attempt.result, Reject):
                failed.append(attempt)
            else:
                waiting[attempt.key] = attempt
                yield EqualityPair(attempt.key, attempt.step.parent, attempt.result)

    for verdict in equality.judge_equality(pairs(), judge, sampling):
        yield _apply_verdict(waiting.pop(verdict.key), verdict)
        while failed:
            yield failed.pop()
    yield from failed


def _apply_verdict(attempt: Attempt, verdict: EqualityVerdict) -> Attempt:
    if verdict.equal:
        detail = f"the judge: {' '.join(verdict.reply.split())[:SHOWN]}"
        reject = Reject(attempt.step.parent.id, "equal", detail, attempt.reply.text)
        return attempt._replace(result=reject)
    return attempt._replace(judged=verdict.equal is not None, no_verdict=verdict.unanswered)
