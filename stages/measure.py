"""Measure answered rows of all pools by a judge, as an entry of `measures` in params.yaml declares it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evobuild.core.declaration import Out, Stage, out
from evobuild.core.errors import BadParams
from evobuild.core.params import Name, Pools, RandomSeed, StageParams, WritesTables
from evobuild.core.stage import run_stage
from evobuild.models.params import ChatRole
from evobuild.scoring.params import DeclaredMeasure


class Models(StageParams):
    judge: ChatRole


class Params(WritesTables):
    random_seed: RandomSeed
    pools: Pools
    measures: dict[Name, DeclaredMeasure]
    models: Models

    def templates(self) -> tuple[str, ...]:
        return tuple(sorted({each.template for each in self.measures.values()}))


@dataclass(frozen=True, kw_only=True)
class Arguments:
    measure: str
    responses: Path = Path("data/responses")
    values: Out = out("data/measures/{measure}", push=False)
    rejects: Out = out("data/rejects/measure-{measure}.parquet", push=False)
    counts: Out = out("data/counts/measure-{measure}.json", push=False)


STAGE = Stage(
    desc="Measure answered rows by ${key}, as a judge finds them.",
    after="tag",
    per="measures",
    keyed=("measures",),
    asks="judge",
)


def main(params: Params, args: Arguments) -> None:
    from evobuild.core import draws, tables
    from evobuild.core.instructions import INSTRUCTIONS
    from evobuild.core.measures import all_measures, declared_measures
    from evobuild.core.results import AllPools
    from evobuild.models.client import Model
    from evobuild.scoring.measure import Judging, measure_rows

    if args.measure not in params.measures:
        raise BadParams(f"params.yaml: measures has no '{args.measure}'")
    declared, seed = params.measures[args.measure], params.random_seed
    with declared_measures({args.measure: declared}):
        schema = all_measures()[-1].schema
    results, judging = AllPools(schema, args.values, args.rejects), Judging(args.measure, declared, seed)
    role = f"measure {args.measure}" if declared.model else "judge"
    with Model(declared.model or params.models.judge, role, f"measure-{args.measure}") as model:
        for pool in params.pools:
            path = args.responses / f"{pool}.parquet"
            sampled, rows = draws.stream_drawn(path, declared.rows, seed, f"measure {pool}")
            left = tables.height(path, INSTRUCTIONS) - sampled
            results.add(pool, measure_rows(rows, model, judging), sampled, not_drawn=left)
        usage = model.usage.asked()
    results.write(args.counts, asked=[usage])


if __name__ == "__main__":
    run_stage(main)
