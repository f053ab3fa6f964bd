"""The loop of Auto Evol-Instruct: an evolving method is improved from the cases in which it failed.

Per step t: a mini-batch is evolved with e(t-1) for l rounds; m times the optimizer analyses that
trajectory and rewrites the method; every candidate evolves the development set, and the evolver
answers what came of it; the candidate with the lowest failure rate λ becomes e(t). Source: Zeng et
al. 2024, arXiv:2406.00770, section 3. What the paper leaves open are params:

incumbent  e(t-1) stays unless a candidate is better; if false, the best candidate follows it anyway
patience   steps without a better method after which the loop stops; it also stops where λ is 0 and
           so e(t-1) cannot be beaten
ties       which of equal candidates is taken; e* is the first of equal methods

A method is judged on the rows that a reply came for (see method_evaluation). Two methods are compared on
the rows that both were judged on, and the one judged on fewer has to be better on them, so that no outage
favours it. A method judged on less than half of its rows is not chosen; the loop does not begin with one.

Beyond the paper: the objective is λ - difficulty_weight x (mean gain in difficulty) / 100, the gain
in the judge's points on those rows that did not fail and whose two ratings can be read; where none
can, no gain counts. With halving, candidates are first evaluated on few rows, and the worse ones on
no more; only one evaluated on the whole development set can be chosen. Of the holdout λ alone is
measured, for each method that is chosen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import polars as pl

from evobuild.answering import failures
from evobuild.core.chat import Message, Purpose, Reply, Request, Sampling
from evobuild.core.draws import draw_lowest, draw_table_rows, stable_rows
from evobuild.core.errors import BadInput
from evobuild.core.instructions import Instruction
from evobuild.core.prompts import render_prompt
from evobuild.core.table_draws import read_placed_ids, read_rows
from evobuild.evolution import methods
from evobuild.evolution.method_evaluation import MethodEvaluator, ask_twice
from evobuild.evolution.method_records import Evaluation, Trajectory, shared_evaluations
from evobuild.evolution.optimization_calls import halving_rungs
from evobuild.evolution.optimization_history import Candidate, History
from evobuild.evolution.params import Optimize
from evobuild.evolution.step import earlier_turns
from evobuild.models.client import Model
from evobuild.process.terminal import log

FEWEST = 6
"""Rows that the loop needs."""


class OptimizationRows(NamedTuple):
    """The rows that the loop may use, disjoint. pool: for mini-batches; development: to choose by."""

    pool: Sequence[Instruction]
    development: Sequence[Instruction]
    holdout: Sequence[Instruction]


def read_optimization_rows(path: Path, params: Optimize, seed: int) -> OptimizationRows:
    """Draw pool, development set and holdout, disjoint, from an instruction table.

    The paper takes 2,000 rows and of these 50 for development. A smaller set gives half of its stable rows
    at most, see `core.draws`; of what is drawn, development and holdout get a third each at most.

    Raises BadInput as `tables.read` does, and if that leaves no row for development: 3 rows drawn are the
    least, so 6 rows.
    """
    ids = _draw_ids(read_placed_ids(path), params, seed)
    by_id = {row.id: row for row in read_rows(path, ids)}
    return _parted([by_id[id] for id in ids], params)


def _draw_ids(rows: pl.DataFrame, params: Optimize, seed: int) -> list[str]:
    """The ids drawn, in the order of the draw. rows: id and seed_place."""
    usable = max(stable_rows(rows).height, min(rows.height, FEWEST))
    size = min(params.pool, usable // 2)
    if size < FEWEST // 2:
        raise BadInput(
            f"optimize: {rows.height} rows in r0 with optimize.pool = {params.pool} leave none to judge "
            f"methods on; expected at least {FEWEST} rows and a pool of 3"
        )
    return draw_table_rows(rows, size, seed, "optimize")["id"].to_list()


def _parted(drawn: Sequence[Instruction], params: Optimize) -> OptimizationRows:
    size = len(drawn)
    development, holdout = (min(wanted, size // 3) for wanted in (params.development, params.holdout))
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

        Raises BadInput if too few rows of a set get a reply, or gains count and none can be read.
        """
        before = self._asked()
        start = self._begun(method)
        current = best = self._chosen(start)
        candidates = [best]
        trajectories: list[Trajectory] = []
        idle = 0
        for step in range(1, self.params.steps + 1):
            if idle == self.params.patience or self._is_settled(best):
                break
            cases = self.evaluator.trajectories(
                step, current.method, self._mini_batch(step), self.params.trajectory_rounds
            )
            evaluated = self._evaluated(self._proposed(step, current.method, cases))
            self._refuse_outage(step, evaluated)
            for model in self._models:
                model.check_answered()
            winner, better = self._winner(evaluated, best)
            if winner and (better or not self.params.incumbent):
                current = evaluated[winner.number] = self._chosen(winner)
            best, idle = (current, 0) if better else (best, idle + 1)
            candidates += evaluated
            trajectories += cases
        return History(candidates, trajectories, self._asked() - before, best)

    def _mini_batch(self, step: int) -> list[Instruction]:
        """Draw the rows of a step from the pool."""
        purpose = f"mini-batch {step}"
        return draw_lowest(self.rows.pool, self.params.batch, self.seed, purpose, by=lambda row: row.id)

    def _begun(self, method: str) -> Candidate:
        """Evaluate the method to begin with."""
        [start] = self._evaluated([Candidate(0, 0, "", method)])
        found = start.evaluation
        if not found.is_judged:
            raise BadInput(
                f"optimize: the initial method is {found.told}; expected half of the rows at least; "
                "run again, as replies are kept"
            )
        if self._rated and found.failure_rate != 1 and not found.gains:
            raise BadInput(
                "optimize.difficulty_weight is above 0, but no rating by models.judge can be read; "
                "expected replies such as 'Score: 70'"
            )
        return start

    def _refuse_outage(self, step: int, candidates: Sequence[Candidate]) -> None:
        """Raise BadInput if no candidate of a step could be judged, and of one for lack of replies."""
        if any(each.evaluation.is_judged for each in candidates):
            return
        for each in candidates:
            if each.unanswered or each.evaluation.unjudged:
                why = each.reason or each.evaluation.told
                raise BadInput(
                    f"optimize: no candidate of step {step} could be judged; candidate {each.number}: {why}; "
                    "run again, as replies are kept"
                )

    def _winner(self, candidates: Sequence[Candidate], best: Candidate) -> tuple[Candidate | None, bool]:
        """The best of a step's candidates, None if there is none, and whether it beats the best so far."""
        found = (each for each in candidates if each.objective < math.inf and each.evaluation.is_judged)
        # Equal methods rank by this order, so that what only one of them was asked decides nothing.
        order = sorted(found, key=lambda each: (-len(each.evaluation.judged), self._rank(each)[1:]))
        weight = self.params.difficulty_weight
        winner = order[0] if order else None
        for each in order[1:]:
            if winner and each.evaluation.beats(winner.evaluation, weight):
                winner = each
        return winner, winner is not None and winner.evaluation.beats(best.evaluation, weight)

    @property
    def _models(self) -> list[Model]:
        models = (self.evaluator.evolver, self.optimizer, self.evaluator.judge)
        return [model for model in models if model]

    @property
    def _rated(self) -> bool:
        return self.params.difficulty_weight > 0

    def _asked(self) -> int:
        """Requests made so far, stored replies among them: the same in every run."""
        return sum(model.usage.requests for model in self._models)

    def _is_settled(self, best: Candidate) -> bool:
        found = best.evaluation
        return self.params.incumbent and not self._rated and not found.failed and not found.unjudged

    def _chosen(self, candidate: Candidate) -> Candidate:
        found = self.evaluator.evaluate({0: candidate.method}, self.rows.holdout)
        return replace(candidate, holdout=found[0], chosen=True)

    def _proposed(self, step: int, method: str, cases: Sequence[Trajectory]) -> list[Candidate]:
        """The m candidates of a step, each from an analysis of its own."""
        shown = [
            {"number": each.number, "history": earlier_turns(each.row), "stages": each.stages}
            for each in cases
            if each.is_whole
        ]
        if not shown:
            raise BadInput(
                f"optimize: no reply came for any of the {len(cases)} rows of mini-batch {step}; "
                f"models.evolver: {cases[-1].stages[-1]}; run again, as replies are kept"
            )
        analysis = render_prompt("optimize/analyse.jinja", cases=shown)
        runs = range(self.params.candidates)
        analyses = self._ask("analyse", step, dict.fromkeys(runs, analysis))
        prompts = {
            run: render_prompt("optimize/improve.jinja", feedback=reply.text, method=method)
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
        return {int(reply.key): reply for reply in ask_twice(self.optimizer, requests)}

    def _evaluated(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Evaluate the methods on the development set, with halving the worse ones on its first rows only."""
        found = {each.number: each for each in candidates}
        left, whole, done = [each.number for each in candidates if each.method], len(self.rows.development), 0
        for rows, kept in halving_rungs(whole, len(left), self.params.halving):
            texts = {number: found[number].method for number in left}
            part = self.evaluator.evaluate(texts, self.rows.development[done:rows], self._rated)
            for number, evaluation in part.items():
                found[number] = self._with(found[number], evaluation)
            left, done = self._gone_on([found[number] for number in left], kept), rows
        for each in found.values():
            if each.evaluation.unjudged:
                log(f"step {each.step}, candidate {each.number}: {each.evaluation.told}")
        return [
            each if len(each.evaluation.given) == whole else replace(each, objective=math.inf)
            for each in found.values()
        ]

    def _gone_on(self, some: Sequence[Candidate], kept: int) -> list[int]:
        """The numbers of the methods that go on: the best on the rows that all were judged on.

        A method that an outage kept from being judged goes on as well.
        """
        judged = [each for each in some if each.evaluation.is_judged]
        others = [each.number for each in some if not each.evaluation.is_judged]
        if not judged:
            return others
        shared = shared_evaluations([each.evaluation for each in judged])
        weight = self.params.difficulty_weight
        ranked = sorted(
            self._rank(replace(each, objective=own.objective(weight)))
            for each, own in zip(judged, shared, strict=True)
        )
        return [number for *_, number in (ranked[:kept] if shared[0].given else ranked)] + others

    def _with(self, candidate: Candidate, more: Evaluation) -> Candidate:
        """A candidate that was evaluated on more rows."""
        evaluation = candidate.evaluation.and_then(more)
        objective = evaluation.objective(self.params.difficulty_weight)
        return replace(candidate, evaluation=evaluation, objective=objective)

    def _rank(self, candidate: Candidate) -> tuple[float, int, int]:
        length = candidate.words if self.params.ties == "shorter" else 0
        return candidate.objective, length, candidate.number


def _candidate(step: int, number: int, analysis: Reply, improved: Reply | None) -> Candidate:
    if improved is None:
        reason = f"no analysis: {_fault(analysis)}"
        return Candidate(step, number, analysis.text, "", reason, unanswered=analysis.unanswered)
    if fault := _fault(improved):
        return Candidate(step, number, analysis.text, "", fault, unanswered=improved.unanswered)
    try:
        method = methods.read_improved_method(improved.text)
    except methods.Unparsable as error:
        return Candidate(step, number, analysis.text, "", str(error))
    # So that method.txt differs only where its words do.
    return Candidate(
        step, number, analysis.text, "\n".join(line.rstrip(" \t\r") for line in method.split("\n"))
    )


def _fault(reply: Reply) -> str:
    """Say why a reply is none, '' if it is one. Instance: "model error: prompt too long"."""
    return ": ".join(part for part in (failures.reply_failure(reply), reply.error) if part)
