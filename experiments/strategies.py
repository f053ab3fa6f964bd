"""Fixed operations against an evolving method, before and after its optimization (arXiv:2406.00770)."""

from __future__ import annotations

import polars as pl

from experiments.recipe import Recipe, Table, run
from experiments.recipe.measures import LOST, ROWS, seed_once
from experiments.recipe.papers import AUTO_EVOL, CODE_ALPACA, GSM8K, ONE_ROUND, SHAREGPT

STRATEGIES = {
    "Evol-Instruct": {"evolve.strategy": "evol"},
    "Auto Evol-Instruct, e0": {"evolve.strategy": "auto", "evolve.method": "e0"},
    "Auto Evol-Instruct": {"evolve.strategy": "auto", "evolve.method": "optimized"},
}

RECIPE = Recipe(
    title="Fixed operations and evolving methods",
    source="arXiv:2406.00770, Table 4",
    data=SHAREGPT | GSM8K | CODE_ALPACA,
    factors={"strategy": STRATEGIES},
    settings=AUTO_EVOL | ONE_ROUND,
    views=(
        Table(
            "Seed and one round of each",
            ROWS,
            rows=("data", "round", "strategy"),
            columns=(),
            cells={
                "rows": pl.col("reason").is_null().sum(),
                "lost, %": LOST,
                "words": pl.col("words").mean(),
                "difficulty": pl.col("score").mean(),
                "InsTag diversity": pl.lit(None, pl.Float64),
                "InsTag complexity": pl.lit(None, pl.Float64),
            },
            prepare=seed_once("strategy"),
            digits=1,
        ),
    ),
    dry={"seed.rows": "60"},
    note="The InsTag columns are the paper's own; they stay empty until there is a tagger.",
)

if __name__ == "__main__":
    run(RECIPE)
