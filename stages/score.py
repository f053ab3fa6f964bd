"""Score the answered instructions of all pools with a language model: losses, IFD and IC-IFD."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evobuild.core.conversation import PLAIN
from evobuild.core.declaration import Out, Stage, out
from evobuild.core.params import Pools, StageParams, WritesTables
from evobuild.core.stage import run_stage
from evobuild.scoring.params import Score
from evobuild.weights.params import LIBRARIES, AdaptedRole


class Models(StageParams):
    scorer: AdaptedRole | None


class Params(WritesTables):
    pools: Pools
    score: Score
    models: Models

    def templates(self) -> tuple[str, ...]:
        return (PLAIN,) if self.models.scorer else ()


@dataclass(frozen=True, kw_only=True)
class Arguments:
    responses: Path = Path("data/responses")
    scratch: Path = Path("models/scratch")
    experienced: Path = Path("models/experienced")
    scores: Out = out("data/measures/scores", push=False)
    rejects: Out = out("data/rejects/score.parquet", push=False)
    counts: Out = out("data/counts/score.json", push=False)


STAGE = Stage(
    desc="Score the answered instructions of all pools: L(Q), L(A|Q), L(A), IFD, IC-IFD.",
    after="rate",
    prompts=("respond/answer.jinja",),
    libraries=(*LIBRARIES, "peft"),
    locked=("packages.scorer",),
)


def main(params: Params, args: Arguments) -> None:
    from evobuild.core.instructions import stream_instructions
    from evobuild.core.measures import measure_of
    from evobuild.core.results import AllPools
    from evobuild.process.progress import Meter
    from evobuild.scoring.score import Scorer
    from evobuild.weights.identities import weights_loaded

    results = AllPools(measure_of("score").schema, args.scores, args.rejects)
    if params.models.scorer is None:
        for pool in params.pools:
            results.write_empty(pool)
    else:
        with Scorer(params.models.scorer, params.score) as scorer:
            for pool in params.pools:
                height, rows = stream_instructions(args.responses / f"{pool}.parquet")
                with Meter(f"score {pool}", "rows", height) as meter:
                    results.add(pool, scorer.score_rows(rows, meter), height)
    results.write(args.counts, loaded=weights_loaded("scorer", params.models.scorer))


if __name__ == "__main__":
    run_stage(main)
