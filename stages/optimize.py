"""Improve the evolving method from the cases in which it failed (Auto Evol-Instruct).

If evolve does not use the optimized method, nothing is asked of a model and the method is empty.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from evobuild.core.conversation import PLAIN
from evobuild.core.declaration import Out, Stage, out, plot
from evobuild.core.params import RandomSeed, StageParams
from evobuild.core.stage import run_stage
from evobuild.evolution.params import (
    INITIAL_METHODS,
    Failures,
    MethodName,
    Methods,
    Optimize,
    Strategy,
    method_paths,
    used_methods,
)
from evobuild.models.params import ChatRole
from evobuild.process.terminal import log


class Evolve(StageParams):
    strategy: Strategy
    method: MethodName
    methods: Methods
    file: str
    failures: Failures


class Models(StageParams):
    evolver: ChatRole
    optimizer: ChatRole
    judge: ChatRole


class Params(StageParams):
    random_seed: RandomSeed
    optimize: Optimize
    evolve: Evolve
    models: Models

    def templates(self) -> tuple[str, ...]:
        if not _is_on(self.evolve):
            return ()
        initial = self.optimize.initial
        prompts = ["optimize/analyse.jinja", "optimize/improve.jinja", PLAIN]
        prompts += [f"evolve/{initial}.jinja"] if initial in INITIAL_METHODS else []
        prompts += ["judge/difficulty_score.jinja"] if self.optimize.difficulty_weight > 0 else []
        prompts += ["judge/equal.jinja"] if self.evolve.failures.equal else []
        return tuple(prompts)

    def named_files(self) -> tuple[str, ...]:
        if not _is_on(self.evolve):
            return ()
        initial = self.optimize.initial
        return (self.evolve.file,) if initial == "file" else method_paths([initial])


def _is_on(evolve: Evolve) -> bool:
    """Whether rounds use the optimized method."""
    return evolve.strategy == "auto" and "optimized" in used_methods(evolve.method, evolve.methods)


@dataclass(frozen=True, kw_only=True)
class Arguments:
    r0: Path = Path("data/rounds/r0.parquet")
    label: Path = Path("data/label.txt")
    method: Out = out("data/method.txt")
    candidates: Out = out("data/optimization/candidates.parquet", push=False)
    trajectories: Out = out("data/optimization/trajectories.parquet", push=False)
    failures: Out = out("data/optimization/failures.parquet", push=False)
    counts: Out = out("data/counts/optimize.json", push=False)
    metrics: Out = out("metrics/optimization.json", cache=False)
    curve: Out = plot("metrics/optimization.csv")


STAGE = Stage(
    desc="Improve the evolving method from its failures (Auto Evol-Instruct).",
    after="experience",
    asks="evolver",
    plots={
        "metrics/optimization.csv": {
            "x": "step",
            "y": "failure_rate",
            "title": "Failure rate of the evolving method",
        },
        "method_length": {
            "x": "step",
            "y": {"metrics/optimization.csv": "words"},
            "title": "Words of the evolving method",
        },
    },
    prompts=(
        "evolve",
        "judge/difficulty_score.jinja",
        "judge/equal.jinja",
        "optimize",
        "respond/answer.jinja",
    ),
    libraries=("py3langid",),
    waits_for=("${evolve.file}",),
)


def main(params: Params, args: Arguments) -> None:
    from evobuild.core import csv_files, metrics, tables
    from evobuild.core.json_files import write_json
    from evobuild.evolution import method_improvement, methods, optimization_history, optimize
    from evobuild.models.client import Model
    from evobuild.models.sharing import Engines

    history, asked, method = optimization_history.History(), [], ""
    if _is_on(params.evolve):
        given = params.optimize
        method = methods.named_method(given.initial, params.evolve.file)
        rows = optimize.read_optimization_rows(args.r0, given, params.random_seed)
        roles = method_improvement.optimization_roles(given, params.evolve.failures)
        engines = Engines()
        with ExitStack() as stack:
            models = {
                role: stack.enter_context(
                    Model(getattr(params.models, role), role, "optimize", engines=engines)
                )
                for role in roles
            }
            history = method_improvement.improve_method(
                method, rows, given, params.evolve.failures, models, params.random_seed
            )
            asked = [model.usage.asked() for model in models.values()]
    if best := history.best:
        before, after = (each.evaluation.failure_rate for each in (history.candidates[0], best))
        log(f"failure rate {before:.2f} -> {after:.2f}")
        method = best.method
    # Without a method a blank line: DVC warns of an empty file.
    args.method.write_text(f"{method}\n", encoding="utf-8")
    tables.write(args.candidates, optimization_history.candidate_table(history))
    tables.write(args.trajectories, optimization_history.trajectory_table(history))
    tables.write(args.failures, optimization_history.candidate_failure_table(history))
    metrics.write_metrics(args.metrics, optimization_history.optimization_metrics(history), args.label)
    csv_files.write_csv(args.curve, optimization_history.optimization_curve(history))
    write_json(args.counts, {"asked": asked})


if __name__ == "__main__":
    run_stage(main)
