"""The loop of Auto Evol-Instruct: an evolving method is improved from the cases in which it failed.

Per step t: a mini-batch is evolved with e(t-1) for l rounds; m times the optimizer analyses that
trajectory and rewrites the method; every candidate evolves the development set, and the evolver
answers what came of it; the candidate with the lowest failure rate λ becomes e(t). Source: Zeng et
al. 2024, arXiv:2406.00770, section 3. What the paper leaves open are params:

incumbent  e(t-1) stays unless a candidate is better; if false, the best candidate follows it anyway
patience   steps without a better method after which the loop stops; it also stops where λ is 0 and
           so e(t-1) cannot be beaten
ties       which of equal candidates is taken; e* is the first of equal methods

Beyond the paper: the objective is λ - difficulty_weight x (mean gain in difficulty) / 100, the gain
in the judge's points on those rows that did not fail and whose two ratings can be read; where none
can, no gain counts. With halving, candidates are first evaluated on few rows, and the worse ones on
no more; only one evaluated on the whole development set can be chosen. Of the holdout λ alone is
measured, for each method that is chosen.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from evobuild.answering import failures
from evobuild.core.chat import Message, Purpose, Reply, Request, Sampling
from evobuild.core.errors import BadInput
from evobuild.core.prompts import render
from evobuild.core.tables import Instruction
from evobuild.evolution import methods
from evobuild.evolution.method_evaluation import NOT_EVALUATED, Evaluation, MethodEvaluator, Trajectory
from evobuild.evolution.optimization_history import Candidate, History
from evobuild.evolution.params import Optimize
from evobuild.evolution.step import earlier_turns
from evobuild.models.client import Model

_TRAILING = re.compile(r"[ \t\r]+$", re.MULTILINE)


class OptimizationRows(NamedTuple):
    """The rows that the loop may use, disjoint. pool: for mini-batches; development: to choose by."""

    pool: Sequence[Instruction]
    development: Sequence[Instruction]
    holdout: Sequence[Instruction]


def draw_optimization_rows(rows: Sequence[Instruction], params: Optimize, seed: int) -> OptimizationRows:
    """Draw pool, development set and holdout, disjoint.

    The paper takes 2,000 rows and of these 50 for development. A smaller set gives half of its rows
    at most; of what is drawn, development and holdout get a third each at most.

    Raises BadInput if that leaves no row for development: 3 rows drawn are the least, so 6 rows.
    """
    size = min(params.pool, len(rows) // 2)
    development, holdout = (min(wanted, size // 3) for wanted in (params.development, params.holdout))
    if not development:
        raise BadInput(
            f"optimize: {len(rows)} rows in r0 with optimize.pool = {params.pool} leave none to judge "
            "methods on; expected at least 6 rows and a pool of 3"
        )
    drawn = random.Random(f"{seed} optimize").sample(list(rows), size)
    return OptimizationRows(drawn[development : size - holdout], drawn[:development], drawn[size - holdout :])


@dataclass(frozen=True)
class Optimizer:
    """The loop: who evaluates methods, who improves them, the settings, and the rows to use."""

    evaluator: MethodEvaluator
    optimizer: Model
    params: Optimize
    rows: OptimizationRows
    seed: int

    def run(self, method: str) -> History:
        """Improve a method, the candidate of step 0.

        Raises BadInput if gains in difficulty count and none can be read.
        """
        before = self._asked()
        [start] = self._evaluated([Candidate(0, 0, "", method)])
        if self._rated and start.evaluation.failure_rate != 1 and not start.evaluation.gains:
            raise BadInput(
                "optimize.difficulty_weight is above 0, but no rating by models.judge can be read; "
                "expected replies such as 'Score: 70'"
            )
        current = best = self._chosen(start)
        candidates = [best]
        trajectories: list[Trajectory] = []
        draw = random.Random(f"{self.seed} mini-batches")
        idle = 0
        for step in range(1, self.params.steps + 1):
            if idle == self.params.patience or self._is_settled(best):
                break
            batch = draw.sample(self.rows.pool, min(self.params.batch, len(self.rows.pool)))
            cases = self.evaluator.trajectories(step, current.method, batch, self.params.trajectory_rounds)
            evaluated = self._evaluated(self._proposed(step, current.method, cases))
            winner = min(evaluated, key=lambda each: self._rank(each, each.objective))
            better = winner.objective < best.objective
            if better or (not self.params.incumbent and winner.objective < math.inf):
                current = evaluated[winner.number] = self._chosen(winner)
            best, idle = (current, 0) if better else (best, idle + 1)
            candidates += evaluated
            trajectories += cases
        return History(candidates, trajectories, self._asked() - before)

    @property
    def _rated(self) -> bool:
        return self.params.difficulty_weight > 0

    def _asked(self) -> int:
        """Requests made so far, stored replies among them: the same in every run."""
        models = (self.evaluator.evolver, self.optimizer, self.evaluator.judge)
        return sum(model.usage.total(kind) for model in models if model for kind in ("calls", "cached"))

    def _is_settled(self, best: Candidate) -> bool:
        return self.params.incumbent and not self._rated and best.evaluation.failure_rate == 0

    def _chosen(self, candidate: Candidate) -> Candidate:
        found = self.evaluator.evaluate({0: candidate.method}, self.rows.holdout)
        return replace(candidate, holdout=found[0], chosen=True)

    def _proposed(self, step: int, method: str, cases: Sequence[Trajectory]) -> list[Candidate]:
        """The m candidates of a step, each from an analysis of its own."""
        shown = [
            {"number": each.number, "history": earlier_turns(each.row), "stages": each.stages}
            for each in cases
        ]
        analysis = render("optimize/analyse.jinja", cases=shown)
        runs = range(self.params.candidates)
        analyses = self._ask("analyse", step, dict.fromkeys(runs, analysis))
        prompts = {
            run: render("optimize/improve.jinja", feedback=reply.text, method=method)
            for run, reply in analyses.items()
            if not failures.reply_failure(reply)
        }
        improved = self._ask("improve", step, prompts)
        return [_candidate(step, run, analyses[run], improved.get(run)) for run in runs]

    def _ask(self, purpose: Purpose, step: int, prompts: Mapping[int, str]) -> dict[int, Reply]:
        """Ask the optimizer, by number of the run."""
        given = self.params
        # No two runs of the loop share a seed; those of the first step have the same for any m.
        seeds = {run: self.seed + (step - 1) * given.candidates + run for run in prompts}
        requests = [
            Request(
                str(run),
                purpose,
                (Message("user", prompt),),
                Sampling(given.temperature, given.top_p, given.max_tokens, seed=seeds[run]),
            )
            for run, prompt in prompts.items()
        ]
        return {int(reply.key): reply for reply in self.optimizer.generate(requests)}

    def _evaluated(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Evaluate the methods on the development set, with halving the worse ones on its first rows only."""
        evaluations = {each.number: NOT_EVALUATED for each in candidates if each.method}
        left, whole, done = list(evaluations), len(self.rows.development), 0
        for rows, kept in halving_rungs(whole, len(left), self.params.halving):
            texts = {number: candidates[number].method for number in left}
            found = self.evaluator.evaluate(texts, self.rows.development[done:rows], self._rated)
            evaluations |= {
                number: evaluations[number].and_then(evaluation) for number, evaluation in found.items()
            }
            left.sort(key=lambda number: self._rank(candidates[number], self._objective(evaluations[number])))
            left, done = left[:kept], rows
        return [
            replace(
                each,
                evaluation=(evaluation := evaluations.get(each.number, NOT_EVALUATED)),
                objective=self._objective(evaluation) if evaluation.rows == whole else math.inf,
            )
            for each in candidates
        ]

    def _objective(self, evaluation: Evaluation) -> float:
        rate, gain = evaluation.failure_rate, evaluation.difficulty_gain
        assert rate is not None, "only a method that was evaluated has an objective"
        return rate - self.params.difficulty_weight * (gain or 0.0) / 100

    def _rank(self, candidate: Candidate, objective: float) -> tuple[float, int, int]:
        return objective, candidate.words if self.params.ties == "shorter" else 0, candidate.number


def _candidate(step: int, number: int, analysis: Reply, improved: Reply | None) -> Candidate:
    if improved is None:
        return Candidate(step, number, analysis.text, "", f"no analysis: {_fault(analysis)}")
    if fault := _fault(improved):
        return Candidate(step, number, analysis.text, "", fault)
    try:
        method = methods.read_improved_method(improved.text)
    except methods.Unparsable as error:
        return Candidate(step, number, analysis.text, "", str(error))
    # So that method.txt differs only where its words do.
    return Candidate(step, number, analysis.text, _TRAILING.sub("", method))


def _fault(reply: Reply) -> str:
    """Say why a reply is none, '' if it is one. Instance: "model error: prompt too long"."""
    return ": ".join(part for part in (failures.reply_failure(reply), reply.error) if part)


def halving_rungs(rows: int, methods: int, factor: int | None) -> Iterator[tuple[int, int]]:
    """Give the rungs of successive halving: rows that methods have evolved so far, and how many go on.

    Each has some `factor` times the rows of the one before, for 1/factor of the methods; the last has
    all rows, for one method. Without a factor there is one rung, for all.

    Instance: 50 rows, 5 methods, factor 2 -> (7, 3), (13, 2), (25, 1), (50, 1).
    """
    if factor is None:
        yield rows, methods
        return
    last = next(rung for rung in range(methods + 1) if factor**rung >= methods)
    for rung in range(last + 1):
        yield -(-rows // factor ** (last - rung)), -(-methods // factor ** (rung + 1))


def most_optimization_calls(params: Optimize, equal: bool) -> int:
    """Count the calls that the loop makes at most. equal: whether the judge is asked what is equal."""
    evolved = 1 + equal
    evaluated = evolved + 1
    # Of each row the judge rates the child and its parent.
    rated = evaluated + 2 * (params.difficulty_weight > 0)
    rows, left, done = 0, params.candidates, 0
    for until, kept in halving_rungs(params.development, params.candidates, params.halving):
        rows, left, done = rows + left * (until - done), kept, until
    begun = rated * params.development + evaluated * params.holdout
    cases = evolved * params.batch * params.trajectory_rounds
    step = cases + 2 * params.candidates + rated * rows + evaluated * params.holdout
    return begun + params.steps * step
