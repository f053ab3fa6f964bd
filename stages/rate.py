"""Rate the difficulty of every instruction of one pool by a judge: a level, and a score from 0 to 100."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evobuild.core.params import Part, RandomSeed
from evobuild.core.stage import Out, out, run
from evobuild.models.params import ChatRole
from evobuild.scoring.params import Rate


class Models(Part):
    judge: ChatRole


class Params(Part):
    random_seed: RandomSeed
    rate: Rate
    models: Models


@dataclass(frozen=True, kw_only=True)
class Arguments:
    pool: str
    rows: Path = Path("data/rounds/{pool}.parquet")
    ratings: Out = out("data/ratings/{pool}.parquet")
    rejects: Out = out("data/rejects/rate-{pool}.parquet")
    counts: Out = out("data/counts/rate-{pool}.json")


def main(params: Params, args: Arguments) -> None:
    from evobuild.core import tables
    from evobuild.core.measures import measure_of
    from evobuild.models.client import Model
    from evobuild.scoring.rate import rate_rows

    measures, schema = params.rate.measures, measure_of("rate").schema
    if not measures:
        tables.leave_empty(schema, out=args.ratings, rejects=args.rejects, counts=args.counts)
        return
    rows = tables.read(args.rows, tables.INSTRUCTIONS)
    results = tables.Results(schema)
    with Model(params.models.judge, "judge", f"rate-{args.pool}", len(measures) * rows.height) as model:
        sampling = params.rate.sampling(params.random_seed)
        results.take(rate_rows(tables.instructions(rows), model, sampling, measures))
    results.write(
        rows.height, out=args.ratings, rejects=args.rejects, counts=args.counts, asked=[model.usage.asked()]
    )


if __name__ == "__main__":
    run(main)
