"""Run the loop of Auto Evol-Instruct: improve an evolving method from the cases in which it failed.

Per step t: evolve a mini-batch with e(t-1) for l rounds; m times the optimizer analyses that trajectory and
rewrites the method; every candidate evolves the development set, and the evolver answers the children; the
candidate with the lowest failure rate λ becomes e(t). Source: Zeng et al. 2024, arXiv:2406.00770, section 3.
Params decide what the paper leaves open:

incumbent  e(t-1) stays unless a candidate is better; if false, the best candidate replaces it anyway patience
steps without a better method after which the loop stops; it also stops if λ is 0, which
           cannot be beaten
ties       which of equal candidates wins; e* is the first of equal methods

A method is judged on the rows that got a reply (see method_evaluation). Two methods are compared on the rows
that both were judged on, and the one judged on fewer rows has to be better on them, so that no outage favours
it. A method judged on less than half of its rows is not chosen; the loop does not start with one.

Beyond the paper: the objective is λ - difficulty_weight x (mean gain in difficulty) / 100. The gain is in the
judge's points, over rows that did not fail and whose two ratings are parsed; without any, gains count 0. With
halving, all candidates are evaluated on few rows, and only the better ones on more; only one evaluated on the
whole development set can be chosen. On the holdout only λ is measured, for each chosen method.
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
from evobuild.core.draws import draw_lowest, draw_table_rows, read_placed_ids, read_rows, stable_rows
from evobuild.core.errors import BadInput
from evobuild.core.instructions import Instruction
from evobuild.core.prompts import render_prompt
from evobuild.evolution import methods
from evobuild.evolution.method_evaluation import MethodEvaluator, generate_with_retry
from evobuild.evolution.method_records import Evaluation, Trajectory, shared_evaluations
from evobuild.evolution.optimization_calls import halving_rungs
from evobuild.evolution.optimization_history import Candidate, History
from evobuild.evolution.params import Optimize
from evobuild.evolution.step import format_history
from evobuild.models.client import Model
from evobuild.process.terminal import log

FEWEST = 6
"""Minimum rows of r0."""


class OptimizationRows(NamedTuple):
    """Disjoint rows for the loop. pool: for mini-batches; development: to choose methods by."""

    pool: Sequence[Instruction]
    development: Sequence[Instruction]
    holdout: Sequence[Instruction]


def read_optimization_rows(path: Path, params: Optimize, seed: int) -> OptimizationRows:
    """Sample pool, development set and holdout, disjoint, from an instruction table.

    The paper samples 2,000 rows, 50 of them for development. A smaller table gives at most half of its stable
    rows, see `core.draws`; development and holdout each get at most a third of the sample.

    Raises BadInput as `tables.read` does, and for a sample below 3 rows, so below 6 rows in the table: that
    leaves no row for development.
    """
    ids = _sample_ids(read_placed_ids(path), params, seed)
    by_id = {row.id: row for row in read_rows(path, ids)}
    return _split_rows([by_id[id] for id in ids], params)


def _sample_ids(rows: pl.DataFrame, params: Optimize, seed: int) -> list[str]:
    """Sample ids, in order of the sample. rows: id and seed_place."""
    usable = max(stable_rows(rows).height, min(rows.height, FEWEST))
    size = min(params.pool, usable // 2)
    if size < FEWEST // 2:
        raise BadInput(
            f"optimize: {rows.height} rows in r0 with optimize.pool = {params.pool} leave none to judge "
            f"methods on; expected at least {FEWEST} rows and a pool of 3"
        )
    return draw_table_rows(rows, size, seed, "optimize")["id"].to_list()


def _split_rows(drawn: Sequence[Instruction], params: Optimize) -> OptimizationRows:
    size = len(drawn)
    development, holdout = (min(wanted, size // 3) for wanted in (params.development, params.holdout))
    return OptimizationRows(drawn[development : size - holdout], drawn[:development], drawn[size - holdout :])


@dataclass(frozen=True)
class Optimizer:
    """The loop: evaluator, optimizing model, params, and rows."""

    evaluator: MethodEvaluator
    optimizer: Model
    params: Optimize
    rows: OptimizationRows
    seed: int

    def improve(self, method: str) -> History:
        """Improve a method, the candidate of step 0.

        Raises BadInput if too few rows of a set get a reply, or gains count and none can be parsed.
        """
        before = self._count_requests()
        start = self._evaluate_initial(method)
        current = best = self._choose(start)
        candidates = [best]
        trajectories: list[Trajectory] = []
        idle = 0
        for step in range(1, self.params.steps + 1):
            if idle == self.params.patience or self._is_settled(best):
                break
            cases = self.evaluator.run_trajectories(
                step, current.method, self._mini_batch(step), self.params.trajectory_rounds
            )
            evaluated = self._evaluate(self._propose_candidates(step, current.method, cases))
            self._refuse_outage(step, evaluated)
            for model in self._models:
                model.check_answered()
            winner, better = self._find_winner(evaluated, best)
            if winner and (better or not self.params.incumbent):
                current = evaluated[winner.number] = self._choose(winner)
            best, idle = (current, 0) if better else (best, idle + 1)
            candidates += evaluated
            trajectories += cases
        return History(candidates, trajectories, self._count_requests() - before, best)

    def _mini_batch(self, step: int) -> list[Instruction]:
        """Sample the rows of a step from the pool."""
        purpose = f"mini-batch {step}"
        return draw_lowest(self.rows.pool, self.params.batch, self.seed, purpose, by=lambda row: row.id)

    def _evaluate_initial(self, method: str) -> Candidate:
        """Evaluate the initial method."""
        [start] = self._evaluate([Candidate(0, 0, "", method)])
        found = start.evaluation
        if not found.is_judged:
            raise BadInput(
                f"optimize: the initial method is {found.summary}; expected at least half of the rows; "
                "run again, the replies are cached"
            )
        if self._uses_gains and found.failure_rate != 1 and not found.gains:
            raise BadInput(
                "optimize.difficulty_weight is above 0, but no rating by models.judge can be parsed; "
                "expected replies such as 'Score: 70'"
            )
        return start

    def _refuse_outage(self, step: int, candidates: Sequence[Candidate]) -> None:
        """Raise BadInput if no candidate of a step could be judged, and one of them for lack of replies."""
        if any(each.evaluation.is_judged for each in candidates):
            return
        for each in candidates:
            if each.unanswered or each.evaluation.unjudged:
                why = each.reason or each.evaluation.summary
                raise BadInput(
                    f"optimize: no candidate of step {step} could be judged; candidate {each.number}: {why}; "
                    "run again, the replies are cached"
                )

    def _find_winner(self, candidates: Sequence[Candidate], best: Candidate) -> tuple[Candidate | None, bool]:
        """Return the best of a step's candidates, or None, and whether it beats the best so far."""
        found = (each for each in candidates if each.objective < math.inf and each.evaluation.is_judged)
        # This order breaks ties, so that rows which only one of two equal methods was judged on decide
        # nothing.
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
    def _uses_gains(self) -> bool:
        return self.params.difficulty_weight > 0

    def _count_requests(self) -> int:
        """Count requests so far, including cached ones: the same in every run."""
        return sum(model.usage.requests for model in self._models)

    def _is_settled(self, best: Candidate) -> bool:
        found = best.evaluation
        return self.params.incumbent and not self._uses_gains and not found.failed and not found.unjudged

    def _choose(self, candidate: Candidate) -> Candidate:
        found = self.evaluator.evaluate({0: candidate.method}, self.rows.holdout)
        return replace(candidate, holdout=found[0], chosen=True)

    def _propose_candidates(self, step: int, method: str, cases: Sequence[Trajectory]) -> list[Candidate]:
        """Propose the m candidates of a step, each from its own analysis."""
        shown = [
            {"number": each.number, "history": format_history(each.row), "stages": each.stages}
            for each in cases
            if each.is_whole
        ]
        if not shown:
            raise BadInput(
                f"optimize: no reply came for any of the {len(cases)} rows of mini-batch {step}; "
                f"models.evolver: {cases[-1].stages[-1]}; run again, the replies are cached"
            )
        analysis = render_prompt("optimize/analyse.jinja", cases=shown)
        runs = range(self.params.candidates)
        analyses = self._call_optimizer("analyse", step, dict.fromkeys(runs, analysis))
        prompts = {
            run: render_prompt("optimize/improve.jinja", feedback=reply.text, method=method)
            for run, reply in analyses.items()
            if not failures.find_reply_failure(reply)
        }
        improved = self._call_optimizer("improve", step, prompts)
        return [_candidate(step, run, analyses[run], improved.get(run)) for run in runs]

    def _call_optimizer(self, purpose: Purpose, step: int, prompts: Mapping[int, str]) -> dict[int, Reply]:
        """Call the optimizer; return replies by number of the run."""
        given = self.params
        # Each call of the loop has its own seed; those of the first step are the same for any m.
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
        return {int(reply.key): reply for reply in generate_with_retry(self.optimizer, requests)}

    def _evaluate(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Evaluate methods on the development set; with halving, the worse ones on its first rows only."""
        found = {each.number: each for each in candidates}
        left, whole, done = [each.number for each in candidates if each.method], len(self.rows.development), 0
        for rows, kept in halving_rungs(whole, len(left), self.params.halving):
            texts = {number: found[number].method for number in left}
            part = self.evaluator.evaluate(texts, self.rows.development[done:rows], self._uses_gains)
            for number, evaluation in part.items():
                found[number] = self._add_evaluation(found[number], evaluation)
            left, done = self._survivors([found[number] for number in left], kept), rows
        for each in found.values():
            if each.evaluation.unjudged:
                log(f"step {each.step}, candidate {each.number}: {each.evaluation.summary}")
        return [
            each if len(each.evaluation.given) == whole else replace(each, objective=math.inf)
            for each in found.values()
        ]

    def _survivors(self, some: Sequence[Candidate], kept: int) -> list[int]:
        """Return the numbers of the methods that survive a rung: the best on the rows that all were judged
        on.

        A method that an outage kept from being judged survives too.
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

    def _add_evaluation(self, candidate: Candidate, more: Evaluation) -> Candidate:
        """Return a candidate with the evaluation of more rows added."""
        evaluation = candidate.evaluation.merge(more)
        objective = evaluation.objective(self.params.difficulty_weight)
        return replace(candidate, evaluation=evaluation, objective=objective)

    def _rank(self, candidate: Candidate) -> tuple[float, int, int]:
        length = candidate.words if self.params.ties == "shorter" else 0
        return candidate.objective, length, candidate.number


def _candidate(step: int, number: int, analysis: Reply, improved: Reply | None) -> Candidate:
    if improved is None:
        reason = f"no analysis: {_describe_fault(analysis)}"
        return Candidate(step, number, analysis.text, "", reason, unanswered=analysis.unanswered)
    if fault := _describe_fault(improved):
        return Candidate(step, number, analysis.text, "", fault, unanswered=improved.unanswered)
    try:
        method = methods.read_improved_method(improved.text)
    except methods.Unparsable as error:
        return Candidate(step, number, analysis.text, "", str(error))
    # Strip trailing blanks, so that a diff of method.txt shows changed words only.
    return Candidate(
        step, number, analysis.text, "\n".join(line.rstrip(" \t\r") for line in method.split("\n"))
    )


def _describe_fault(reply: Reply) -> str:
    """Describe why a reply is unusable, '' if it is usable. Example: "model error: prompt too long"."""
    return ": ".join(part for part in (failures.find_reply_failure(reply), reply.error) if part)
