"""Measure how good a reward model finds each evolved instruction, as the answer to its evolving prompt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evobuild.core.params import Part, Pools, Rounds, WritesTables
from evobuild.core.reads import Given, Reads
from evobuild.core.stage import Out, out, run
from evobuild.scoring.params import Reward
from evobuild.weights.params import WeightsRole


class Models(Part):
    reward: WeightsRole | None


class Evolve(Part):
    file: str


class Params(WritesTables):
    rounds: Rounds
    pools: Pools
    reward: Reward
    evolve: Evolve
    models: Models

    def reads(self, given: Given) -> Reads:
        from evobuild.evolution.prompts_sent import KNOWN_PROMPTS

        if self.models.reward is None:
            return Reads(only=("pools", "models.reward"))
        return Reads(prompts=KNOWN_PROMPTS, files=(self.evolve.file,))


@dataclass(frozen=True, kw_only=True)
class Arguments:
    rounds: Path = Path("data/rounds")
    method: Path = Path("data/method.txt")
    label: Path = Path("data/label.txt")
    rewards: Out = out("data/rewards")
    rejects: Out = out("data/rejects/reward.parquet")
    counts: Out = out("data/counts/reward.json")
    metrics: Out = out("metrics/reward.json")
    histogram: Out = out("metrics/reward.csv")


def main(params: Params, args: Arguments) -> None:
    from evobuild.core import csv_files, metrics, tables
    from evobuild.core.measures import measure_of
    from evobuild.core.pools import AllPools
    from evobuild.evolution import prompts_sent
    from evobuild.scoring import distributions, reward
    from evobuild.weights.identities import weights_loaded

    model, schema = params.models.reward, measure_of("reward").schema
    results = AllPools(schema, args.rewards, args.rejects)
    known: prompts_sent.KnownPlans = {}
    if model is not None:
        files = args.method, Path(params.evolve.file)
        known = prompts_sent.known_plans(prompts_sent.known_methods(*files))
    for pool in params.pools:
        if model is None:
            results.leave(pool)
            continue
        rows = tables.read(args.rounds / f"{pool}.parquet", tables.INSTRUCTIONS)
        evolved = [row for row in tables.instructions(rows) if prompts_sent.is_evolved(row)]
        parents = {}
        if evolved:
            above = tables.read(args.rounds / f"{params.rounds[pool].parent}.parquet", tables.INSTRUCTIONS)
            parents = {row.id: row for row in tables.instructions(above)}
        given = (prompts_sent.evolver_turns(row, parents.get(row.parent_id), known) for row in evolved)
        found = reward.measure_rewards(given, model, params.reward)
        rest = rows.height - len(evolved)
        results.take(pool, found, len(evolved), not_evolved=rest)
    results.write(args.counts, loaded=weights_loaded("reward", model))
    pools = params.pools if model else []
    rewards = {pool: tables.read(args.rewards / f"{pool}.parquet", schema)["reward"] for pool in pools}
    figures = {"model": str(model) if model else None} | distributions.distribution_figures(rewards)
    metrics.write_metrics(args.metrics, figures, args.label)
    csv_files.write_csv(args.histogram, distributions.pool_histogram(rewards, "reward"))


if __name__ == "__main__":
    run(main)
