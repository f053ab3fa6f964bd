"""Fixed operations against an evolving method, before and after its optimization (arXiv:2406.00770)."""

from __future__ import annotations

import polars as pl

from experiments.recipe import Recipe, Table, run
from experiments.recipe.measures import LOST, ROWS, TAGGED, seed_once
from experiments.recipe.papers import AUTO_EVOL, CODE_ALPACA, GPT_EVOLVER, GSM8K, RATED, SHAREGPT

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
    presets=("auto-evol",),
    settings=AUTO_EVOL | RATED | {"models.tagger": GPT_EVOLVER},
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
            },
            prepare=seed_once("strategy"),
            digits=1,
        ),
        Table(
            "Tags of 100 rows of each (InsTag)",
            TAGGED,
            rows=("data", "round", "strategy"),
            columns=(),
            cells={
                "diversity": pl.col("tag").n_unique() / pl.col("id").n_unique(),
                "complexity": pl.len() / pl.col("id").n_unique(),
            },
            prepare=seed_once("strategy"),
            published={
                ("gsm8k", "r0", "seed", "diversity"): 1.39,
                ("gsm8k", "r0", "seed", "complexity"): 4.82,
                ("gsm8k", "r1", "Auto Evol-Instruct", "diversity"): 2.2,
                ("gsm8k", "r1", "Auto Evol-Instruct", "complexity"): 5.54,
            },
        ),
    ),
    dry={"seed.rows": "60"},
    note="The paper does not name its tagger; here it is the evolver's model.",
)

if __name__ == "__main__":
    run(RECIPE)
