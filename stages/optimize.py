"""Improve the evolving method from the cases in which it failed (Auto Evol-Instruct).

Nothing is asked of a model if evolve does not use the optimized method.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.core.stage import Out, log, run

if TYPE_CHECKING:
    from evobuild.core.params import Params


def main(
    params: Params,
    r0: Path,
    own: Path,
    method: Out,
    candidates: Out,
    trajectories: Out,
    failures: Out,
    metrics: Out,
    curve: Out,
    usage: Out,
) -> None:
    from evobuild.core import tables
    from evobuild.core.chat import Sampling
    from evobuild.evolution import methods, optimize
    from evobuild.evolution import optimization_history as told
    from evobuild.evolution.method_evaluation import MethodEvaluator
    from evobuild.models.client import Model
    from evobuild.models.sharing import Engines

    given = params.optimize
    initial = (
        methods.read_method_file(own) if given.initial == "file" else methods.initial_method(given.initial)
    )
    history, counts = told.History(), []
    if params.evolve.strategy == "auto" and params.evolve.method == "optimized":
        rows = list(tables.instructions(tables.read(r0, tables.INSTRUCTIONS)))
        drawn = optimize.draw_optimization_rows(rows, given, params.random_seed)
        judged = given.difficulty_weight > 0 or params.evolve.failures.equal
        roles = ("evolver", "optimizer", "judge")[: 2 + judged]
        engines = Engines()
        with ExitStack() as stack:
            models = {
                role: stack.enter_context(
                    Model(getattr(params.models, role), role, "optimize", engines=engines)
                )
                for role in roles
            }
            sampling = Sampling(given.evolver_temperature, 1.0, given.max_tokens, seed=params.random_seed)
            evaluator = MethodEvaluator(
                models["evolver"], models.get("judge"), sampling, params.evolve.failures
            )
            loop = optimize.Optimizer(evaluator, models["optimizer"], given, drawn, params.random_seed)
            history = loop.run(initial)
            counts = [model.usage.as_dict() for model in models.values()]
    best = history.best
    if best:
        before, after = (each.evaluation.failure_rate for each in (history.candidates[0], best))
        log(f"failure rate {before:.2f} -> {after:.2f}")
    method.write_text((best.method if best else initial) + "\n", encoding="utf-8")
    tables.write(candidates, told.candidate_table(history))
    tables.write(trajectories, told.trajectory_table(history))
    tables.write(failures, told.candidate_failure_table(history))
    tables.write_json(metrics, told.optimization_figures(history))
    tables.write_csv(curve, told.optimization_curve(history))
    tables.write_json(usage, counts)


if __name__ == "__main__":
    run(
        main,
        reads=(
            "random_seed",
            "optimize",
            "evolve.strategy",
            "evolve.method",
            "evolve.failures",
            "models.evolver",
            "models.optimizer",
            "models.judge",
        ),
    )
