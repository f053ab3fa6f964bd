"""Evolve every instruction of one round once, giving the next round and what was lost."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.core.stage import Out, run

if TYPE_CHECKING:
    from evobuild.core.params import Params
    from evobuild.evolution.step import Plan


def _plan(params: Params, round: str, optimized: Path, own: Path) -> Plan:
    from evobuild.evolution import methods, operations, step

    settings = params.evolve
    if settings.strategy == "evol" and settings.schedule == "random":
        return operations.plan_at_random(settings.operations, round, params.random_seed)
    if settings.strategy == "evol":
        return operations.plan_in_turn(settings.operations, round)
    if settings.method in ("optimized", "file"):
        file = optimized if settings.method == "optimized" else own
        return step.plan_by_method(methods.read_method_file(file))
    return step.plan_by_method(methods.initial_method(settings.method))


def main(
    params: Params,
    parent: Path,
    method: Path,
    own: Path,
    child: Out,
    rejects: Out,
    failures: Out,
    replies: Out,
    counts: Out,
    usage: Out,
) -> None:
    from evobuild.core import tables
    from evobuild.evolution import evolve
    from evobuild.models.client import Model
    from evobuild.models.sharing import Engines

    name = child.name.removeprefix(".").split(".")[0]
    rows = tables.read(parent, tables.INSTRUCTIONS)
    made = evolve.RoundTables(name, keep=params.evolve.on_failure == "keep_parent")
    task = f"evolve-{name}"
    total = None if params.evolve.on_failure == "retry" else rows.height
    engines = Engines()
    with ExitStack() as models:
        evolver = models.enter_context(Model(params.models.evolver, "evolver", task, total, engines))
        judge = None
        if params.evolve.failures.equal:
            judge = models.enter_context(Model(params.models.judge, "judge", task, engines=engines))
        round = evolve.Round(
            name, _plan(params, name, method, own), params.evolve, params.random_seed, evolver, judge
        )
        made.take(round.evolve(lambda: tables.instructions(rows)))
    outs = evolve.RoundOuts(child=child, rejects=rejects, failures=failures, replies=replies, counts=counts)
    made.write(outs, rows.height)
    tables.write_json(usage, [model.usage.as_dict() for model in (evolver, judge) if model])


if __name__ == "__main__":
    run(main, reads=("random_seed", "evolve", "models.evolver", "models.judge"))
