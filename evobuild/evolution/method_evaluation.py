"""Evolving methods evaluated on rows: what the evolver makes of these, and on which of them one fails.

A method fails on a row if what comes back is no evolution of it, or if the answer to the evolved
instruction fails F(r). The failure rate λ counts both, of every kind, over all these rows: else a
method that always breaks the format would win. Source: Zeng et al. 2024, arXiv:2406.00770, section 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

from evobuild.answering import failures
from evobuild.core.chat import Message, Reply, Request, Sampling
from evobuild.core.conversation import chat_messages
from evobuild.core.prompts import render
from evobuild.core.tables import Instruction, Reject
from evobuild.evolution.attempts import Evolution
from evobuild.evolution.auto import plan_by_method
from evobuild.evolution.params import Failures
from evobuild.evolution.step import Step, earlier_turns
from evobuild.models.client import Model
from evobuild.scoring.rate import read_score


class FailedRow(NamedTuple):
    """A row that a method failed on. stage: evolve or respond. instruction: what was asked of it there."""

    row: str
    stage: str
    reason: str
    detail: str
    instruction: str
    reply: str


@dataclass(frozen=True)
class Evaluation:
    """How a method did on rows; without any it was not evaluated.

    gains: difficulty of a child less that of its parent, in points of 100, of each row that did not
    fail and whose two ratings could be read.
    """

    rows: int = 0
    failed: tuple[FailedRow, ...] = ()
    gains: tuple[float, ...] = ()

    @property
    def failure_rate(self) -> float | None:
        """λ, the share of the rows that failed; None before the first."""
        return len(self.failed) / self.rows if self.rows else None

    @property
    def difficulty_gain(self) -> float | None:
        """The mean gain; None if no gain is known."""
        return fmean(self.gains) if self.gains else None

    def and_then(self, other: Evaluation) -> Evaluation:
        """The evaluation on the rows of both."""
        return Evaluation(self.rows + other.rows, self.failed + other.failed, self.gains + other.gains)


NOT_EVALUATED = Evaluation()


class Trajectory(NamedTuple):
    """A row of a mini-batch: itself as stage 0, then what each round made of it.

    verdicts: of each round why it failed, None if it did not. A failed stage is the reply as it
    came; it is the last one, as nothing can be evolved from it.
    """

    step: int
    number: int
    row: Instruction
    stages: list[str]
    verdicts: list[str | None]


Place = tuple[int, str]
"""Number of a method and id of a row that it evolves."""


@dataclass(frozen=True)
class MethodEvaluator:
    """Who evolves and answers, who judges, how, and what counts as a failed evolution.

    judge: None unless gains are asked for or the rules want to know what is equal.
    """

    evolver: Model
    judge: Model | None
    sampling: Sampling
    rules: Failures

    def evaluate(
        self, texts: Mapping[int, str], rows: Sequence[Instruction], rated: bool = False
    ) -> dict[int, Evaluation]:
        """Have each method evolve each row: all evolutions in one call of the client, all answers in another.

        texts: methods by number. rated: ask the judge for the gains, too.
        """
        parents = {row.id: row for row in rows}
        failed: dict[int, list[FailedRow]] = {number: [] for number in texts}
        children: dict[Place, Instruction] = {}
        plans = {number: plan_by_method(text) for number, text in texts.items()}
        steps = {(number, key): plans[number](row) for number in texts for key, row in parents.items()}
        for (number, key), result in self._evolved(steps).items():
            if isinstance(result, Instruction):
                children[number, key] = result
            else:
                _, reason, detail, reply = result
                failed[number].append(
                    FailedRow(key, "evolve", reason, detail, parents[key].instruction, reply)
                )
        for (number, key), answer, reason in self._unanswered(children):
            asked = children.pop((number, key)).instruction
            failed[number].append(FailedRow(key, "respond", reason, answer.error or "", asked, answer.text))
        gains = self._gains(children, parents) if rated else {}
        return {
            number: Evaluation(len(rows), tuple(sorted(failed[number])), tuple(gains.get(number, ())))
            for number in texts
        }

    def trajectories(
        self, step: int, method: str, batch: Sequence[Instruction], rounds: int
    ) -> list[Trajectory]:
        """Evolve a mini-batch for some rounds, each on the children of the one before."""
        found = [
            Trajectory(step, number, row, [instruction_with_input(row)], [])
            for number, row in enumerate(batch, start=1)
        ]
        plan = plan_by_method(method)
        alive = {(each.number, each.row.id): each.row for each in found}
        for _ in range(rounds):
            results = self._evolved({place: plan(row) for place, row in alive.items()})
            alive = {place: row for place, row in results.items() if isinstance(row, Instruction)}
            for (number, _), result in results.items():
                trajectory = found[number - 1]
                if isinstance(result, Instruction):
                    trajectory.stages.append(instruction_with_input(result))
                    trajectory.verdicts.append(None)
                else:
                    trajectory.stages.append(result.reply or "(no reply)")
                    trajectory.verdicts.append(result.reason)
        return found

    def _evolved(self, steps: Mapping[Place, Step]) -> dict[Place, Instruction | Reject]:
        """Evolve rows; with the judge's word on what is equal, if the rules want it."""
        assert self.judge or not self.rules.equal, "equality is asked for without a judge"
        judge = self.judge if self.rules.equal else None
        places = {_name(place): place for place in steps}
        tasks = ((key, steps[place]) for key, place in places.items())
        attempts = Evolution("", self.evolver, judge, self.rules).attempt(tasks, self.sampling)
        return {places[attempt.key]: attempt.result for attempt in attempts}

    def _unanswered(self, children: Mapping[Place, Instruction]) -> list[tuple[Place, Reply, str]]:
        """Answer evolved rows, and give those answers that fail, with the reason."""
        # Replies came in any order; what is asked of them should not.
        asked = {_name(place): place for place in sorted(children)}
        requests = (
            Request(name, "respond", chat_messages(children[place]), self.sampling)
            for name, place in asked.items()
        )
        return [
            (asked[reply.key], reply, reason)
            for reply in self.evolver.generate(requests)
            if (reason := failures.reply_failure(reply) or failures.response_failure(reply.text))
        ]

    def _gains(
        self, children: Mapping[Place, Instruction], parents: Mapping[str, Instruction]
    ) -> dict[int, list[float]]:
        """Gains in difficulty by method; a row of which a rating cannot be read has none."""
        wanted = {key: parents[key] for _, key in sorted(children)}
        scores = self._difficulties(wanted | {row.id: row for _, row in sorted(children.items())})
        gains: dict[int, list[float]] = {}
        for (number, key), row in sorted(children.items()):
            if row.id in scores and key in scores:
                gains.setdefault(number, []).append(scores[row.id] - scores[key])
        return gains

    def _difficulties(self, rows: Mapping[str, Instruction]) -> dict[str, float]:
        """Difficulty, 0 to 100, of each row whose rating can be read."""

        def requests() -> Iterator[Request]:
            for key, row in rows.items():
                prompt = render(
                    "judge/difficulty_score.jinja",
                    history=earlier_turns(row),
                    instruction=row.instruction,
                    input=row.input,
                )
                yield Request(key, "rate_score", (Message("user", prompt),), self.sampling)

        assert self.judge is not None, "gains are asked for without a judge"
        replies = self.judge.generate(requests())
        scores = {reply.key: read_score(reply.text) for reply in replies if not failures.reply_failure(reply)}
        return {key: score for key, score in scores.items() if score is not None}


def instruction_with_input(row: Instruction) -> str:
    """A row as the optimizer sees it: its instruction, and its input if it has one."""
    return f"{row.instruction}\n\n{row.input}" if row.input else row.instruction


def _name(place: Place) -> str:
    return f"{place[0]}/{place[1]}"
