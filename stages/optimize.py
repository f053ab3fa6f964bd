"""Improve the evolving method from the cases in which it failed (Auto Evol-Instruct).

Nothing is asked of a model if evolve does not use the optimized method.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.stage import Out, log, run

if TYPE_CHECKING:
    from evobuild.params import Params


def main(params: Params, r0: Path, method: Out, steps: Out, metrics: Out, curve: Out, usage: Out) -> None:
    from evobuild import methods, optimization, tables
    from evobuild.models.door import Model

    initial = methods.initial("e0")
    history: list[optimization.Candidate] = []
    counts: list[dict[str, object]] = []
    if params.evolve.strategy == "auto" and params.evolve.method == "optimized":
        rows = list(tables.instructions(tables.read(r0, tables.INSTRUCTIONS)))
        pool, development = optimization.draw_rows(rows, params.optimize, params.random_seed)
        with (
            Model(params.models.evolver, "evolver", "optimize") as evolver,
            Model(params.models.optimizer, "optimizer", "optimize") as optimizer,
        ):
            loop = optimization.Optimizer(
                evolver, optimizer, params.optimize, pool, development, params.random_seed
            )
            history = loop.run(initial)
            counts = [evolver.usage.as_dict(), optimizer.usage.as_dict()]
        log(f"failure rate {history[0].failure_rate:.2f} -> {optimization.best_of(history).failure_rate:.2f}")
    best = optimization.best_of(history).method if history else initial
    method.write_text(best + "\n", encoding="utf-8")
    optimization.write(history, steps, metrics, curve)
    tables.write_json(usage, counts)


if __name__ == "__main__":
    run(
        main,
        reads=(
            "random_seed",
            "optimize",
            "evolve.strategy",
            "evolve.method",
            "models.evolver",
            "models.optimizer",
        ),
    )
