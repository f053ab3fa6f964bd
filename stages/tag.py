"""Tag instructions of all pools by a tagger (InsTag): complexity and diversity."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evobuild.core.declaration import Out, Stage, out, plot
from evobuild.core.params import Pools, RandomSeed, StageParams, WritesTables
from evobuild.core.stage import run_stage
from evobuild.models.params import ChatRole
from evobuild.scoring.params import Tag


class Models(StageParams):
    tagger: ChatRole | None


class Params(WritesTables):
    random_seed: RandomSeed
    pools: Pools
    tag: Tag
    models: Models

    def templates(self) -> tuple[str, ...]:
        return ("judge/tags.jinja",) if self.models.tagger else ()


@dataclass(frozen=True, kw_only=True)
class Arguments:
    rounds: Path = Path("data/rounds")
    label: Path = Path("data/label.txt")
    tags: Out = out("data/measures/tags", push=False)
    rejects: Out = out("data/rejects/tag.parquet", push=False)
    counts: Out = out("data/counts/tag.json", push=False)
    metrics: Out = out("metrics/tags.json", cache=False)
    histogram: Out = plot("metrics/tags.csv")


STAGE = Stage(
    desc="Tag instructions of all pools, for their complexity and diversity.",
    after="reward",
    asks="tagger",
    plots={"metrics/tags.csv": {"x": "tags", "y": "share", "title": "Rows by number of tags"}},
    prompts=("judge/tags.jinja",),
)


def main(params: Params, args: Arguments) -> None:
    from evobuild.core import csv_files, draws, metrics, tables
    from evobuild.core.instructions import INSTRUCTIONS
    from evobuild.core.measures import measure_of
    from evobuild.core.results import AllPools
    from evobuild.models.client import Model
    from evobuild.scoring import distributions, tag

    tagger = params.models.tagger
    schema = measure_of("tag").schema
    results, used = AllPools(schema, args.tags, args.rejects), []
    if tagger is None:
        for pool in params.pools:
            results.write_empty(pool)
    else:
        given, seed = params.tag, params.random_seed
        with Model(tagger, "tagger", "tag") as model:
            for pool in params.pools:
                path = args.rounds / f"{pool}.parquet"
                taken, rows = draws.stream_drawn(path, given.rows, seed, f"tag {pool}")
                left = tables.height(path, INSTRUCTIONS) - taken
                found = tag.tag_rows(rows, model, given.sampling(seed))
                results.add(pool, found, taken, not_drawn=left)
            used = [model.usage.asked()]
    results.write(args.counts, asked=used)
    pools = params.pools if tagger else []
    measured = {pool: tables.read(args.tags / f"{pool}.parquet", schema) for pool in pools}
    figures = distributions.tag_metrics(measured, str(tagger) if tagger else None)
    metrics.write_metrics(args.metrics, figures, args.label)
    csv_files.write_csv(args.histogram, distributions.count_tags(measured))


if __name__ == "__main__":
    run_stage(main)
