"""Measure how good a reward model finds each evolved instruction, as the answer to its evolving prompt."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.core.stage import Out, run

if TYPE_CHECKING:
    from evobuild.core.params import Params


def main(
    params: Params,
    rounds: Path,
    method: Path,
    own: Path,
    rewards: Out,
    rejects: Out,
    counts: Out,
    metrics: Out,
    histogram: Out,
) -> None:
    from evobuild.core import tables
    from evobuild.core.pools import AllPools
    from evobuild.evolution import prompts_sent
    from evobuild.scoring import distributions
    from evobuild.scoring.reward import measure_rewards

    model, results = params.models.reward, AllPools(tables.REWARDS, rewards)
    known = prompts_sent.known_plans(prompts_sent.known_methods(method, own))
    for pool in params.pools:
        if model is None:
            results.leave(pool)
            continue
        rows = tables.read(rounds / f"{pool}.parquet", tables.INSTRUCTIONS)
        evolved = [row for row in tables.instructions(rows) if prompts_sent.is_evolved(row)]
        parents = {}
        if evolved:
            above = tables.read(rounds / f"{params.rounds[pool].parent}.parquet", tables.INSTRUCTIONS)
            parents = {row.id: row for row in tables.instructions(above)}
        given = (prompts_sent.evolver_turns(row, parents.get(row.parent_id), known) for row in evolved)
        found = measure_rewards(given, model, params.reward)
        rest = rows.height - len(evolved)
        results.take(pool, found, len(evolved), may_be_empty=not evolved, not_evolved=rest)
    results.write(rejects, counts)
    pools = params.pools if model else []
    given_out = {pool: tables.read(rewards / f"{pool}.parquet", tables.REWARDS)["reward"] for pool in pools}
    tables.write_json(metrics, {"model": str(model) if model else None} | distributions.figures(given_out))
    distributions.histogram(given_out, "reward").write_csv(histogram)


if __name__ == "__main__":
    run(main, reads=("rounds", "pools", "reward", "models.reward"))
