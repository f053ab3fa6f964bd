"""Evaluate evolving methods on rows: evolve, answer, and find the rows on which a method fails.

A method fails on a row if the reply is no evolution of it, or if the answer to the evolved instruction fails
F(r). The failure rate λ counts both, of every kind, over the judged rows: otherwise a method that always
breaks the format would win. Source: Zeng et al. 2024, arXiv:2406.00770, section 3.

A row without a reply from evolver or judge, after one retry, is not judged: an outage says nothing about a
method. A refusal is a reply, whether the prompt exceeds the context window or the model's filter withholds
the text. F(r) judges a truncated answer as far as it goes, unless params count it as a failure. A truncated
evolution fails, and so does one that copies the prompt's labels, repeats the parent or answers it, even if
rounds keep such rows.
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
from evobuild.evolution.step import Step, format_history
from evobuild.models.client import Model
from evobuild.scoring.rate import read_score

MethodRow = tuple[int, str]
"""Number of a method and id of a row that it evolves."""


@dataclass(frozen=True)
class MethodEvaluator:
    """Models, sampling and rules to evaluate methods.

    judge: None unless gains or equality are judged. truncated_fails: whether a truncated answer is a failure,
    whatever its text.
    """

    evolver: Model
    judge: Model | None
    sampling: Sampling
    rules: Failures
    truncated_fails: bool = False

    def evaluate(
        self, texts: Mapping[int, str], rows: Sequence[Instruction], rated: bool = False
    ) -> dict[int, Evaluation]:
        """Evolve each row with each method: all evolutions in one client call, all answers in another.

        texts: methods by number. rated: also have the judge rate the gains.
        """
        parents = {row.id: row for row in rows}
        failed: dict[int, list[FailedRow]] = {number: [] for number in texts}
        children: dict[MethodRow, Instruction] = {}
        plans = {number: plan_by_method(text) for number, text in texts.items()}
        steps = {(number, key): plans[number](row) for number in texts for key, row in parents.items()}
        for (number, key), attempt in self._evolve(steps).items():
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
        for (number, key), answer, reason in self._find_failed_answers(children):
            asked = children.pop((number, key)).instruction
            failed[number].append(FailedRow(key, "respond", reason, answer.error or "", asked, answer.text))
        gains, unrated = self._compute_gains(children, parents) if rated else ({}, {})
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

    def run_trajectories(
        self, step: int, method: str, batch: Sequence[Instruction], rounds: int
    ) -> list[Trajectory]:
        """Evolve a mini-batch for some rounds, each from the children of the one before."""
        found = [
            Trajectory(step, number, row, [format_instruction(row)], [])
            for number, row in enumerate(batch, start=1)
        ]
        plan = plan_by_method(method)
        alive = {(each.number, each.row.id): each.row for each in found}
        for _ in range(rounds):
            steps = {place: plan(row) for place, row in alive.items()}
            alive = {}
            for place, attempt in self._evolve(steps).items():
                trajectory, result = found[place[0] - 1], attempt.result
                if isinstance(result, Instruction):
                    alive[place] = result
                    trajectory.stages.append(format_instruction(result))
                    trajectory.verdicts.append(None)
                else:
                    error = f": {attempt.reply.error}" if attempt.reply.unanswered else ""
                    trajectory.stages.append(result.reply or f"(no reply{error})")
                    trajectory.verdicts.append(NOT_JUDGED if error else result.reason)
        return found

    def _evolve(self, steps: Mapping[MethodRow, Step]) -> dict[MethodRow, Attempt]:
        """Evolve rows; retry rows without a reply once."""
        found = self._evolve_once(steps)
        again = {place: step for place, step in steps.items() if found[place].unanswered}
        return found | self._evolve_once(again) if again else found

    def _evolve_once(self, steps: Mapping[MethodRow, Step]) -> dict[MethodRow, Attempt]:
        """Evolve rows; the judge checks equality if the rules require it."""
        assert self.judge or not self.rules.equal, "equality is asked for without a judge"
        judge = self.judge if self.rules.equal else None
        places = {_format_key(place): place for place in steps}
        tasks = ((key, steps[place]) for key, place in places.items())
        attempts = Evolution("", self.evolver, judge, self.rules).attempt(tasks, self.sampling)
        return {places[attempt.key]: attempt for attempt in attempts}

    def _find_failed_answers(
        self, children: Mapping[MethodRow, Instruction]
    ) -> list[tuple[MethodRow, Reply, str]]:
        """Answer evolved rows; return the failed and missing answers with the reason."""
        # Replies arrive in any order: sort, so that requests do not depend on it.
        asked = {_format_key(place): place for place in sorted(children)}
        requests = [
            Request(name, "respond", chat_messages(children[place]), self.sampling)
            for name, place in asked.items()
        ]
        return [
            (asked[reply.key], reply, reason)
            for reply in generate_with_retry(self.evolver, requests)
            if (reason := self._find_answer_failure(reply))
        ]

    def _find_answer_failure(self, reply: Reply) -> str | None:
        if reply.unanswered:
            return NOT_JUDGED
        whole = self.truncated_fails or reply.finish != "length"
        return (failures.find_reply_failure(reply) if whole else None) or failures.find_response_failure(
            reply.text
        )

    def _compute_gains(
        self, children: Mapping[MethodRow, Instruction], parents: Mapping[str, Instruction]
    ) -> tuple[dict[int, dict[str, float]], dict[int, set[str]]]:
        """Compute gains in difficulty by method and row, and the rows of each method without a rating.

        A row with an unparsable rating has no gain.
        """
        wanted = {key: parents[key] for _, key in sorted(children)}
        replies = self._rate_rows(wanted | {row.id: row for _, row in sorted(children.items())})
        gains: dict[int, dict[str, float]] = {}
        unrated: dict[int, set[str]] = {}
        for (number, key), row in sorted(children.items()):
            before, after = replies[key], replies[row.id]
            if before.unanswered or after.unanswered:
                unrated.setdefault(number, set()).add(key)
                continue
            scores = [
                None if failures.find_reply_failure(each) else read_score(each.text)
                for each in (before, after)
            ]
            if scores[0] is not None and scores[1] is not None:
                gains.setdefault(number, {})[key] = scores[1] - scores[0]
        return gains, unrated

    def _rate_rows(self, rows: Mapping[str, Instruction]) -> dict[str, Reply]:
        """Return the judge's replies about the difficulty of rows."""
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
                            history=format_history(row),
                            instruction=row.instruction,
                            input=row.input,
                        ),
                    ),
                ),
                self.sampling,
            )
            for key, row in rows.items()
        ]
        return {reply.key: reply for reply in generate_with_retry(self.judge, requests)}


def generate_with_retry(model: Model, requests: Sequence[Request]) -> list[Reply]:
    """Generate replies; retry requests without a reply once, after all others."""
    found = list(model.generate(requests))
    lost = {reply.key for reply in found if reply.unanswered}
    if not lost:
        return found
    again = model.generate([request for request in requests if request.key in lost])
    return [*(reply for reply in found if reply.key not in lost), *again]


def format_instruction(row: Instruction) -> str:
    """Format a row for the optimizer: its instruction, and its input if it has one."""
    return f"{row.instruction}\n\n{row.input}" if row.input else row.instruction


def _format_key(place: MethodRow) -> str:
    return f"{place[0]}/{place[1]}"
