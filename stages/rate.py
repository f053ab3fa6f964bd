"""Rate the difficulty of every instruction of one pool by a judge: a level, and a score from 0 to 100."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.core.stage import Out, run

if TYPE_CHECKING:
    from evobuild.core.params import Params


def main(params: Params, pool: Path, ratings: Out, rejects: Out, counts: Out, usage: Out) -> None:
    from evobuild.core import pools, tables
    from evobuild.core.chat import Sampling
    from evobuild.models.client import Model
    from evobuild.scoring.rate import rate_rows

    sampling = Sampling(
        params.rate.temperature, params.rate.top_p, params.rate.max_tokens, seed=params.random_seed
    )
    measures = params.rate.measures
    if not measures:
        pools.leave(tables.RATINGS, ratings, rejects, counts)
        tables.write_json(usage, [])
        return
    rows = tables.read(pool, tables.INSTRUCTIONS)
    results = tables.Results(tables.RATINGS)
    with Model(params.models.judge, "judge", f"rate-{pool.stem}", len(measures) * rows.height) as model:
        results.take(rate_rows(tables.instructions(rows), model, sampling, measures))
    results.write(ratings, rejects, counts, rows.height)
    tables.write_json(usage, [model.usage.as_dict()])


if __name__ == "__main__":
    run(main, reads=("random_seed", "rate", "models.judge"))
