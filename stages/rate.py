"""Rate the difficulty of every instruction of one pool by a judge: a level, and a score from 0 to 100."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evobuild.core.declaration import Out, Stage, out
from evobuild.core.params import RandomSeed, StageParams, WritesTables
from evobuild.core.stage import run_stage
from evobuild.models.params import ChatRole
from evobuild.scoring.params import Rate


class Models(StageParams):
    judge: ChatRole


class Params(WritesTables):
    random_seed: RandomSeed
    rate: Rate
    models: Models

    def templates(self) -> tuple[str, ...]:
        from evobuild.scoring.rating_prompts import rating_templates

        return tuple(rating_templates(self.rate.measures, self.rate.score_prompt).values())


@dataclass(frozen=True, kw_only=True)
class Arguments:
    pool: str
    rows: Path = Path("data/rounds/{pool}.parquet")
    ratings: Out = out("data/measures/ratings/{pool}.parquet", push=False)
    unread: Out = out("data/unread/{pool}.parquet", push=False)
    rejects: Out = out("data/rejects/rate-{pool}.parquet", push=False)
    counts: Out = out("data/counts/rate-{pool}.json", push=False)


STAGE = Stage(
    desc="Rate the difficulty of every instruction of ${key}.",
    after="respond",
    per="pools",
    asks="judge",
    prompts=(
        "judge/difficulty_level.jinja",
        "judge/difficulty_score.jinja",
        "judge/difficulty_score_alone.jinja",
    ),
)


def main(params: Params, args: Arguments) -> None:
    from evobuild.core.instructions import stream_instructions
    from evobuild.models.client import Model
    from evobuild.scoring.rate import RatingOuts, RatingTables, rate_rows, write_unrated

    measures = params.rate.measures
    outs = RatingOuts(args.ratings, args.unread, args.rejects, args.counts)
    if not measures:
        write_unrated(outs)
        return
    height, rows = stream_instructions(args.rows)
    made = RatingTables(measures, outs)
    with Model(params.models.judge, "judge", f"rate-{args.pool}", len(measures) * height) as model:
        sampling = params.rate.sampling(params.random_seed)
        made.add(rate_rows(rows, model, sampling, measures, params.rate.score_prompt))
    made.write(height, model.usage.asked())


if __name__ == "__main__":
    run_stage(main)
