"""Measure how good a reward model finds each evolved instruction, as the answer to its evolving prompt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evobuild.core.declaration import Out, Stage, out, plot
from evobuild.core.params import Pools, Rounds, StageParams, WritesTables
from evobuild.core.stage import run_stage
from evobuild.evolution.params import Methods, method_paths
from evobuild.scoring.params import Reward
from evobuild.weights.params import LIBRARIES, WeightsRole


class Models(StageParams):
    reward: WeightsRole | None


class Evolve(StageParams):
    file: str
    methods: Methods


class Params(WritesTables):
    rounds: Rounds
    pools: Pools
    reward: Reward
    evolve: Evolve
    models: Models

    def templates(self) -> tuple[str, ...]:
        from evobuild.evolution.prompts_sent import list_known_templates

        return list_known_templates() if self.models.reward else ()

    def named_files(self) -> tuple[str, ...]:
        own = method_paths(self.evolve.methods.values())
        return (self.evolve.file, *own) if self.models.reward else ()


@dataclass(frozen=True, kw_only=True)
class Arguments:
    rounds: Path = Path("data/rounds")
    method: Path = Path("data/method.txt")
    label: Path = Path("data/label.txt")
    rewards: Out = out("data/measures/rewards", push=False)
    rejects: Out = out("data/rejects/reward.parquet", push=False)
    counts: Out = out("data/counts/reward.json", push=False)
    metrics: Out = out("metrics/reward.json", cache=False)
    histogram: Out = plot("metrics/reward.csv")


STAGE = Stage(
    desc="Reward each evolved instruction as the answer to what its evolver was asked.",
    after="diversity",
    plots={"metrics/reward.csv": {"x": "reward", "y": "share", "title": "Rows by reward"}},
    prompts=("evolve",),
    libraries=LIBRARIES,
    locked=("packages.reward",),
    waits_for=("${evolve.file}",),
)


def main(params: Params, args: Arguments) -> None:
    from evobuild.core import csv_files, metrics, tables
    from evobuild.core.instructions import INSTRUCTIONS
    from evobuild.core.measures import measure_of
    from evobuild.core.results import AllPools
    from evobuild.evolution import prompts_sent
    from evobuild.evolution.parents import join_parents
    from evobuild.process.progress import Meter
    from evobuild.scoring import distributions, reward
    from evobuild.weights.identities import weights_loaded

    model, schema = params.models.reward, measure_of("reward").schema
    results = AllPools(schema, args.rewards, args.rejects)
    if model is None:
        for pool in params.pools:
            results.write_empty(pool)
    else:
        methods = params.evolve.file, *method_paths(params.evolve.methods.values())
        files = args.method, *map(Path, methods)
        known = prompts_sent.collect_plans(prompts_sent.collect_methods(*files))
        evolved = prompts_sent.is_evolved_expr()
        with reward.Rewarder(model, params.reward) as rewarder:
            for pool in params.pools:
                path = args.rounds / f"{pool}.parquet"
                height, own = (tables.height(path, INSTRUCTIONS, where) for where in (None, evolved))
                parent = params.rounds[pool].parent if own else None
                pairs = join_parents(path, args.rounds / f"{parent}.parquet", evolved) if parent else ()
                turns = (prompts_sent.build_evolver_turns(row, above, known) for row, above in pairs)
                with Meter(f"reward {pool}", "rows", own) as meter:
                    results.add(pool, rewarder.score_turns(turns, meter), own, not_evolved=height - own)
    results.write(args.counts, loaded=weights_loaded("reward", model))
    pools = params.pools if model else []
    rewards = {
        pool: tables.read(args.rewards / f"{pool}.parquet", schema, ["reward"])["reward"] for pool in pools
    }
    figures = {"model": str(model) if model else None} | distributions.distribution_metrics(rewards)
    metrics.write_metrics(args.metrics, figures, args.label)
    csv_files.write_csv(args.histogram, distributions.pool_histogram(rewards, "reward"))


if __name__ == "__main__":
    run_stage(main)
