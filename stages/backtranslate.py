"""Say in words what the best functions of each constraint check."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.core.stage import Out, run

if TYPE_CHECKING:
    from evobuild.core.params import Params


def main(params: Params, checked: Path, backtranslations: Out, rejects: Out, counts: Out, usage: Out) -> None:
    from evobuild.autoif import backtranslate as texts
    from evobuild.autoif import verified
    from evobuild.autoif.records import BACKTRANSLATIONS, VERIFIED
    from evobuild.core import pools, tables
    from evobuild.core.chat import Sampling
    from evobuild.models.client import Model

    given = params.autoif.backtranslate
    if not given.functions:
        pools.leave(BACKTRANSLATIONS, backtranslations, rejects, counts)
        tables.write_json(usage, [])
        return
    sampling = Sampling(given.temperature, given.top_p, given.max_tokens, seed=params.random_seed)
    asked = texts.functions_to_translate(
        verified.read_verified_constraints(tables.read(checked, VERIFIED)), given.functions
    )
    results = tables.Results(BACKTRANSLATIONS)
    task = f"backtranslate-{backtranslations.parent.name}"
    with Model(params.models.evolver, "evolver", task, len(asked)) as model:
        results.take(texts.backtranslate_functions(asked, model, sampling))
    results.write(backtranslations, rejects, counts, len(asked))
    tables.write_json(usage, [model.usage.as_dict()])


if __name__ == "__main__":
    run(main, reads=("random_seed", "autoif.backtranslate", "models.evolver"))
