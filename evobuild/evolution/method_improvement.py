"""The loop that improves a method, put together from params and models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evobuild.core.chat import Sampling
from evobuild.core.tables import Instruction
from evobuild.evolution.method_evaluation import MethodEvaluator
from evobuild.evolution.optimization_history import History
from evobuild.evolution.optimize import Optimizer, draw_optimization_rows
from evobuild.evolution.params import Failures, Optimize
from evobuild.models.client import Model


def asked_roles(params: Optimize, rules: Failures) -> tuple[str, ...]:
    """The roles that the loop asks: the judge only for gains, or for what is equal."""
    is_judged = params.difficulty_weight > 0 or rules.equal
    return ("evolver", "optimizer", "judge") if is_judged else ("evolver", "optimizer")


def improve_method(
    method: str,
    rows: Sequence[Instruction],
    params: Optimize,
    rules: Failures,
    models: Mapping[str, Model],
    seed: int,
) -> History:
    """Improve a method on some of the rows, drawn by the seed. models: by the names of `asked_roles`.

    Raises BadInput as `Optimizer.run` does, or if there are too few rows.
    """
    drawn = draw_optimization_rows(rows, params, seed)
    sampling = Sampling(params.evolver_temperature, 1.0, params.max_tokens, seed=seed)
    evaluator = MethodEvaluator(
        models["evolver"], models.get("judge"), sampling, rules.of_methods, params.truncated_fails
    )
    return Optimizer(evaluator, models["optimizer"], params, drawn, seed).run(method)
