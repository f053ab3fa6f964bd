"""Build the loop that improves a method from params and models."""

from __future__ import annotations

from collections.abc import Mapping

from evobuild.core.chat import Sampling
from evobuild.evolution.method_evaluation import MethodEvaluator
from evobuild.evolution.optimization_history import History
from evobuild.evolution.optimize import OptimizationRows, Optimizer
from evobuild.evolution.params import Failures, Optimize
from evobuild.models.client import Model


def optimization_roles(params: Optimize, rules: Failures) -> tuple[str, ...]:
    """Return the roles that the loop calls: the judge only for gains or equality."""
    is_judged = params.difficulty_weight > 0 or rules.equal
    return ("evolver", "optimizer", "judge") if is_judged else ("evolver", "optimizer")


def improve_method(
    method: str,
    rows: OptimizationRows,
    params: Optimize,
    rules: Failures,
    models: Mapping[str, Model],
    seed: int,
) -> History:
    """Improve a method on sampled rows. models: by the names of `optimization_roles`.

    Raises BadInput, see `Optimizer.improve`.
    """
    sampling = Sampling(params.evolver_temperature, 1.0, params.max_tokens, seed=seed)
    evaluator = MethodEvaluator(
        models["evolver"], models.get("judge"), sampling, rules.method_rules, params.truncated_fails
    )
    return Optimizer(evaluator, models["optimizer"], params, rows, seed).improve(method)
