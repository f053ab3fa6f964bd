"""Evolve every instruction of one round once, giving the next round and what was lost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.stage import Out, run

if TYPE_CHECKING:
    from evobuild.params import Params


def main(
    params: Params, parent: Path, method: Path, child: Out, rejects: Out, counts: Out, usage: Out
) -> None:
    from evobuild import evolution, methods, operations, tables
    from evobuild.models.door import Model
    from evobuild.models.request import Sampling

    name = child.name.removeprefix(".").split(".")[0]
    if params.evolve.strategy == "evol":
        plan = operations.by_operations(params.evolve.operations, operations.round_number(name))
    elif params.evolve.method == "optimized":
        plan = evolution.by_method(methods.with_slot(method.read_text(encoding="utf-8").strip()))
    else:
        plan = evolution.by_method(methods.initial(params.evolve.method))
    sampling = Sampling(
        params.evolve.temperature, params.evolve.top_p, params.evolve.max_tokens, seed=params.random_seed
    )
    parents = tables.read(parent, tables.INSTRUCTIONS)
    results = tables.Results(tables.INSTRUCTIONS)
    with Model(params.models.evolver, "evolver", f"evolve-{name}", parents.height) as model:
        results.take(evolution.evolve(tables.instructions(parents), plan, name, model, sampling))
    results.write(child, rejects, counts, parents.height)
    tables.write_json(usage, [model.usage.as_dict()])


if __name__ == "__main__":
    run(main, reads=("random_seed", "evolve", "models.evolver"))
