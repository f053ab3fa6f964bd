"""Evolving methods evaluated on rows: what the evolver makes of these, and on which of them one fails.

A method fails on a row if what comes back is no evolution of it, or if the answer to the evolved
instruction fails F(r). The failure rate λ counts both, of every kind, over the rows judged: else a
method that always breaks the format would win. Source: Zeng et al. 2024, arXiv:2406.00770, section 3.

A row is not judged if no reply came for it, also when it was asked again: an outage says nothing of a
method, be it the evolver's or the judge's. A refusal is a reply, whether the prompt is too long for the
model or its filter holds the text back. An answer that was cut is judged by F(r) as far as it goes,
unless params call it a failure; an evolution that was cut is no instruction. Nor is one that copies the
prompt's labels, or is its parent or an answer, even where rounds keep such rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evobuild.answering import failures
from evobuild.core.chat import Message, Reply, Request, Sampling
from evobuild.core.conversation import chat_messages
from evobuild.core.evolution_tables import NOT_JUDGED
from evobuild.core.instructions import Instruction
from evobuild.core.prompts import render_prompt
from evobuild.evolution.attempts import Attempt, Evolution
from evobuild.evolution.auto import plan_by_method
from evobuild.evolution.method_records import Evaluation, FailedRow, Trajectory
from evobuild.evolution.params import Failures
from evobuild.evolution.step import Step, earlier_turns
from evobuild.models.client import Model
from evobuild.scoring.rate import read_score

Place = tuple[int, str]
"""Number of a method and id of a row that it evolves."""


@dataclass(frozen=True)
class MethodEvaluator:
    """Who evolves and answers, who judges, how, and what counts as a failed evolution.

    judge: None unless gains are asked for or the rules want to know what is equal. truncated_fails:
    whether an answer that was cut is a failure, whatever it says.
    """

    evolver: Model
    judge: Model | None
    sampling: Sampling
    rules: Failures
    truncated_fails: bool = False

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
        for (number, key), attempt in self._evolved(steps).items():
            result = attempt.result
            if isinstance(result, Instruction) and not attempt.unanswered:
                children[number, key] = result
                continue
            reason, detail, reply = (
                (NOT_JUDGED, "no verdict of the judge came", "")
                if isinstance(result, Instruction)
                else (NOT_JUDGED if attempt.unanswered else result.reason, result.detail, result.reply)
            )
            asked = parents[key].instruction
            failed[number].append(FailedRow(key, "evolve", reason, detail, asked, reply))
        for (number, key), answer, reason in self._unanswered(children):
            asked = children.pop((number, key)).instruction
            failed[number].append(FailedRow(key, "respond", reason, answer.error or "", asked, answer.text))
        gains, unrated = self._gains(children, parents) if rated else ({}, {})
        return {
            number: Evaluation(
                frozenset(parents),
                tuple(sorted(each for each in failed[number] if each.reason != NOT_JUDGED)),
                tuple(sorted(each for each in failed[number] if each.reason == NOT_JUDGED)),
                gains.get(number, {}),
                frozenset(unrated.get(number, ())),
            )
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
            steps = {place: plan(row) for place, row in alive.items()}
            alive = {}
            for place, attempt in self._evolved(steps).items():
                trajectory, result = found[place[0] - 1], attempt.result
                if isinstance(result, Instruction):
                    alive[place] = result
                    trajectory.stages.append(instruction_with_input(result))
                    trajectory.verdicts.append(None)
                else:
                    error = f": {attempt.reply.error}" if attempt.reply.unanswered else ""
                    trajectory.stages.append(result.reply or f"(no reply{error})")
                    trajectory.verdicts.append(NOT_JUDGED if error else result.reason)
        return found

    def _evolved(self, steps: Mapping[Place, Step]) -> dict[Place, Attempt]:
        """Evolve rows, once more those that no reply came for."""
        found = self._attempted(steps)
        again = {place: step for place, step in steps.items() if found[place].unanswered}
        return found | self._attempted(again) if again else found

    def _attempted(self, steps: Mapping[Place, Step]) -> dict[Place, Attempt]:
        """Evolve rows; with the judge's word on what is equal, if the rules want it."""
        assert self.judge or not self.rules.equal, "equality is asked for without a judge"
        judge = self.judge if self.rules.equal else None
        places = {_name(place): place for place in steps}
        tasks = ((key, steps[place]) for key, place in places.items())
        attempts = Evolution("", self.evolver, judge, self.rules).attempt(tasks, self.sampling)
        return {places[attempt.key]: attempt for attempt in attempts}

    def _unanswered(self, children: Mapping[Place, Instruction]) -> list[tuple[Place, Reply, str]]:
        """Answer evolved rows, and give the answers that fail or did not come, with the reason."""
        # Replies came in any order; what is asked of them should not.
        asked = {_name(place): place for place in sorted(children)}
        requests = [
            Request(name, "respond", chat_messages(children[place]), self.sampling)
            for name, place in asked.items()
        ]
        return [
            (asked[reply.key], reply, reason)
            for reply in ask_twice(self.evolver, requests)
            if (reason := self._answer_failure(reply))
        ]

    def _answer_failure(self, reply: Reply) -> str | None:
        if reply.unanswered:
            return NOT_JUDGED
        whole = self.truncated_fails or reply.finish != "length"
        return (failures.reply_failure(reply) if whole else None) or failures.response_failure(reply.text)

    def _gains(
        self, children: Mapping[Place, Instruction], parents: Mapping[str, Instruction]
    ) -> tuple[dict[int, dict[str, float]], dict[int, set[str]]]:
        """Gains in difficulty by method and row, and the rows of each that no rating came for.

        A row of which a rating cannot be read has no gain.
        """
        wanted = {key: parents[key] for _, key in sorted(children)}
        replies = self._ratings(wanted | {row.id: row for _, row in sorted(children.items())})
        gains: dict[int, dict[str, float]] = {}
        unrated: dict[int, set[str]] = {}
        for (number, key), row in sorted(children.items()):
            before, after = replies[key], replies[row.id]
            if before.unanswered or after.unanswered:
                unrated.setdefault(number, set()).add(key)
                continue
            scores = [
                None if failures.reply_failure(each) else read_score(each.text) for each in (before, after)
            ]
            if scores[0] is not None and scores[1] is not None:
                gains.setdefault(number, {})[key] = scores[1] - scores[0]
        return gains, unrated

    def _ratings(self, rows: Mapping[str, Instruction]) -> dict[str, Reply]:
        """The judge's replies about the difficulty of rows."""
        assert self.judge is not None, "gains are asked for without a judge"
        requests = [
            Request(
                key,
                "rate_score",
                (
                    Message(
                        "user",
                        render_prompt(
                            "judge/difficulty_score.jinja",
                            history=earlier_turns(row),
                            instruction=row.instruction,
                            input=row.input,
                        ),
                    ),
                ),
                self.sampling,
            )
            for key, row in rows.items()
        ]
        return {reply.key: reply for reply in ask_twice(self.judge, requests)}


def ask_twice(model: Model, requests: Sequence[Request]) -> list[Reply]:
    """Ask each request, and those that no reply came for once more when the others are done."""
    found = list(model.generate(requests))
    lost = {reply.key for reply in found if reply.unanswered}
    if not lost:
        return found
    again = model.generate([request for request in requests if request.key in lost])
    return [*(reply for reply in found if reply.key not in lost), *again]


def instruction_with_input(row: Instruction) -> str:
    """A row as the optimizer sees it: its instruction, and its input if it has one."""
    return f"{row.instruction}\n\n{row.input}" if row.input else row.instruction


def _name(place: Place) -> str:
    return f"{place[0]}/{place[1]}"
