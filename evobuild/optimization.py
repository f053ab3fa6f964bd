"""The loop of Auto Evol-Instruct: an evolving method is improved from the cases in which it failed.

Per step t: a mini-batch is evolved with e(t-1); m times the optimizer analyses that trajectory and
rewrites the method; every candidate evolves the development set and the evolver answers what came
of it; the candidate with the lowest failure rate becomes e(t). Source: Zeng et al. 2024,
arXiv:2406.00770, section 3. What the paper leaves open is decided here: a candidate must fail less
than e(t-1) or the loop stops, and ties go to the shorter method, then to the first.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from evobuild import failures, methods, tables
from evobuild.chat import messages
from evobuild.errors import BadInput
from evobuild.evolution import by_method, child
from evobuild.models.door import Model
from evobuild.models.request import Message, Request, Sampling
from evobuild.params import Optimize
from evobuild.prompts import render
from evobuild.tables import Instruction, count_reasons


class Candidate(NamedTuple):
    """A method as it was judged. failure_rate is λ, None if there was no method to judge."""

    step: int
    candidate: int
    failure_rate: float | None
    failures: str
    words: int
    chosen: bool
    feedback: str
    method: str


@dataclass(frozen=True)
class Optimizer:
    """The two models of the loop, its settings, and the rows that it may use.

    pool: rows that mini-batches are drawn from. development: rows that methods are judged on.
    """

    evolver: Model
    optimizer: Model
    params: Optimize
    pool: Sequence[Instruction]
    development: Sequence[Instruction]
    seed: int

    @property
    def _greedy(self) -> Sampling:
        return Sampling(max_tokens=self.params.max_tokens)

    def run(self, method: str) -> list[Candidate]:
        """Improve a method; give every candidate of every step, the initial method as step 0."""
        best = self._judged(0, [("", method)])[0]
        history = [best._replace(chosen=True)]
        draw = random.Random(f"{self.seed} mini-batches")
        for step in range(1, self.params.steps + 1):
            batch = draw.sample(self.pool, min(self.params.batch, len(self.pool)))
            candidates = self._judged(step, self._improved(best.method, batch, step))
            winner = min(
                (candidate for candidate in candidates if candidate.failure_rate is not None),
                key=lambda candidate: (candidate.failure_rate, candidate.words, candidate.candidate),
                default=None,
            )
            falls = winner is not None and winner.failure_rate < best.failure_rate  # type: ignore[operator]
            history += [each._replace(chosen=falls and each is winner) for each in candidates]
            if not falls or winner is None:
                break
            best = winner
        return history

    def _improved(self, method: str, batch: Sequence[Instruction], step: int) -> list[tuple[str, str | None]]:
        """The m pairs of feedback and rewritten method; None where the reply held no method."""
        analysis = render("optimize/analyse.jinja", cases=self._trajectories(method, batch))
        sampling = Sampling(self.params.temperature, self.params.top_p, self.params.max_tokens)
        runs = range(self.params.candidates)
        # The seed tells the m runs apart; the step needs none, its prompt differs.
        samplings = [replace(sampling, seed=self.seed + run) for run in runs]
        feedback = self._ask(
            [Request(f"{run}", "analyse", (Message("user", analysis),), samplings[run]) for run in runs]
        )
        prompts = [
            render("optimize/improve.jinja", feedback=feedback[f"{run}"], method=method) for run in runs
        ]
        replies = self._ask(
            [Request(f"{run}", "improve", (Message("user", prompts[run]),), samplings[run]) for run in runs]
        )
        return [(feedback[f"{run}"], methods.read_method(replies[f"{run}"])) for run in runs]

    def _ask(self, requests: list[Request]) -> dict[str, str]:
        """The texts of the replies; '' for one that failed or was cut, as it holds no whole method."""
        replies = self.optimizer.generate(requests)
        return {reply.key: "" if failures.of_reply(reply) else reply.text for reply in replies}

    def _trajectories(self, method: str, batch: Sequence[Instruction]) -> list[dict[str, object]]:
        """Each row of a mini-batch with its stages: the instruction, then what each round made of it."""
        stages = {row.id: [_shown(row)] for row in batch}
        current = {row.id: row for row in batch}
        for _ in range(self.params.trajectory_rounds):
            plan = by_method(method)
            steps = {key: plan(0, row) for key, row in current.items()}
            requests = [
                Request(key, "evolve", (Message("user", step.prompt),), self._greedy)
                for key, step in steps.items()
            ]
            for reply in self.evolver.generate(requests):
                evolved = child(current[reply.key], steps[reply.key], reply, "", "")
                # A failed evolution is shown as the reply that it was: that is what went wrong.
                stages[reply.key].append(
                    _shown(evolved) if isinstance(evolved, Instruction) else evolved.reply or "(no reply)"
                )
                if isinstance(evolved, Instruction):
                    current[reply.key] = evolved
        return [{"number": number, "stages": stages[row.id]} for number, row in enumerate(batch, start=1)]

    def _judged(self, step: int, proposals: Sequence[tuple[str, str | None]]) -> list[Candidate]:
        """Measure λ of all methods of a step: each evolves the development set, the evolver answers."""
        evolved: dict[str, Instruction] = {}
        reasons: dict[int, list[str]] = {number: [] for number in range(len(proposals))}
        plans = {number: by_method(text) for number, (_, text) in enumerate(proposals) if text is not None}

        def evolve() -> Iterator[Request]:
            for number, plan in plans.items():
                for row in self.development:
                    prompt = plan(0, row).prompt
                    yield Request(f"{number}/{row.id}", "evolve", (Message("user", prompt),), self._greedy)

        rows = {row.id: row for row in self.development}
        for reply in self.evolver.generate(evolve()):
            number, _, key = reply.key.partition("/")
            result = child(rows[key], plans[int(number)](0, rows[key]), reply, "", "")
            if isinstance(result, Instruction):
                evolved[reply.key] = result
            else:
                reasons[int(number)].append(result.reason)
        requests = (
            Request(key, "respond", messages(row), self._greedy) for key, row in sorted(evolved.items())
        )
        for reply in self.evolver.generate(requests):
            if reason := failures.of_reply(reply) or failures.of_response(reply.text):
                reasons[int(reply.key.partition("/")[0])].append(reason)
        return [
            self._candidate(step, number, proposal, reasons[number])
            for number, proposal in enumerate(proposals)
        ]

    def _candidate(
        self, step: int, number: int, proposal: tuple[str, str | None], reasons: list[str]
    ) -> Candidate:
        feedback, method = proposal
        if method is None:
            return Candidate(step, number, None, "no method in the reply", 0, False, feedback, "")
        counted = ", ".join(f"{reason} {count}" for reason, count in count_reasons(reasons).items())
        rate = len(reasons) / len(self.development)
        return Candidate(step, number, rate, counted, len(method.split()), False, feedback, method)


def draw_rows(
    rows: Sequence[Instruction], params: Optimize, seed: int
) -> tuple[list[Instruction], list[Instruction]]:
    """Draw the pool and the development set, disjoint.

    The paper takes 2,000 rows and of these 50 for development. A smaller set gives half of its
    rows at most, and a third of these, at most, for development.

    Raises BadInput if that leaves no row for development: a pool of 3 is the least, so 6 rows.
    """
    size = min(params.pool, len(rows) // 2)
    development = min(params.development, size // 3)
    if not development:
        raise BadInput(
            f"optimize: {len(rows)} rows in r0 with optimize.pool = {params.pool} leave none to judge "
            "methods on; expected at least 6 rows and a pool of 3"
        )
    drawn = random.Random(f"{seed} optimize").sample(list(rows), size)
    return drawn[development:], drawn[:development]


def best_of(history: Sequence[Candidate]) -> Candidate:
    """The method that the loop ended with: the last one chosen."""
    return [candidate for candidate in history if candidate.chosen][-1]


def _shown(row: Instruction) -> str:
    return f"{row.instruction}\n\n{row.input}" if row.input else row.instruction


def write(history: Sequence[Candidate], steps: Path, metrics: Path, curve: Path) -> None:
    """Write what the loop did: every candidate as a table, its figures, and λ and length by step to plot.

    An empty history, where nothing was optimized, gives an empty table and zero steps.
    """
    rows = [(f"{each.step:03d}-{each.candidate:03d}", *each) for each in history]
    tables.write(steps, tables.frame(tables.STEPS, rows))
    chosen = [each for each in history if each.chosen]
    last = max((each.step for each in history), default=0)
    rates = (
        {"e0": chosen[0].failure_rate, "best": chosen[-1].failure_rate}
        if chosen
        else {"e0": None, "best": None}
    )
    words = chosen[-1].words if chosen else None
    tables.write_json(metrics, {"failure_rate": rates, "method": {"steps": last, "words": words}})
    points = [{"step": each.step, "failure_rate": each.failure_rate, "words": each.words} for each in chosen]
    tables.write_csv(curve, points or [{"step": 0, "failure_rate": "", "words": ""}])
