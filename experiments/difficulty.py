"""Do small models evolve harder instructions? The difficulty of each round (arXiv:2412.11231)."""

from __future__ import annotations

import polars as pl

from evobuild.core.tables import LEVELS
from experiments.recipe import Bars, Recipe, Table, run
from experiments.recipe.measures import ROWS, seed_once
from experiments.recipe.papers import ALPACA, CODE_ALPACA, EVOLVERS, GSM8K, SMALL_EVOLVERS

DATA = ALPACA | GSM8K | CODE_ALPACA
PUBLISHED = {
    ("r0", "seed"): (27.63, 34.05, 26.01),
    ("r1", "LLM"): (52.89, 39.88, 46.75),
    ("r1", "SLM"): (66.35, 48.85, 58.86),
    ("r2", "LLM"): (68.16, 47.14, 65.02),
    ("r2", "SLM"): (77.62, 63.48, 73.37),
    ("r3", "LLM"): (75.73, 54.00, 72.85),
    ("r3", "SLM"): (82.44, 72.12, 79.19),
}

SCORES = Table(
    "Mean difficulty score, 0 to 100 (Table 13)",
    ROWS,
    rows=("round", "evolver"),
    columns=("data",),
    cells={"score": pl.col("score").mean()},
    prepare=seed_once("evolver"),
    published={
        (*row, data, "score"): value
        for row, values in PUBLISHED.items()
        for data, value in zip(DATA, values, strict=True)
    },
)
LEVEL_SHARES = Bars(
    "Share of each difficulty level (Figure 2)",
    ROWS,
    bars=("round", "evolver"),
    part="level",
    order=LEVELS,
    prepare=lambda frame: seed_once("evolver")(frame.drop_nulls("level")),
)

RECIPE = Recipe(
    title="Difficulty of evolved instructions",
    source="arXiv:2412.11231, Table 13 and Figure 2",
    data=DATA,
    factors={"evolver": EVOLVERS},
    presets=("evol-instruct",),
    settings=SMALL_EVOLVERS,
    views=(SCORES, LEVEL_SHARES),
)

if __name__ == "__main__":
    run(RECIPE)
