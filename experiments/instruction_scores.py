"""Does IFD or IC-IFD rank data as tuning does? Their means over round 3, and IFEval (arXiv:2412.11231)."""

from __future__ import annotations

import polars as pl

from experiments.recipe import Recipe, Table, run
from experiments.recipe.measures import BENCHMARKS, SCORED
from experiments.recipe.papers import (
    ALPACA,
    DRY_TUNING,
    EVERY_ROW,
    EVOLVERS,
    SMALL_EVOLVERS,
    bases,
)
from experiments.recipe.scores import scored
from experiments.recipe.tuning import answering, tuned

PUBLISHED = {"LLM": (82.03, 37.05), "SLM": (83.04, 35.89)}
PERFORMANCE = {"LLM": 42.18, "SLM": 40.64}
CELLS = {"IFD (%)": pl.col("ifd").mean() * 100, "IC-IFD (%)": pl.col("ic_ifd").mean() * 100}

RECIPE = Recipe(
    title="IFD and IC-IFD of evolved data",
    source="arXiv:2412.11231, Table 15",
    data=ALPACA,
    factors={"evolver": EVOLVERS},
    presets=("ic-ifd",),
    settings=SMALL_EVOLVERS
    | EVERY_ROW
    | tuned(bases("Llama-3-8B"))
    | answering("ifeval")
    | {"models.embedder": "null", "rate.measures": "[]"},
    views=(
        Table(
            "Mean IFD and IC-IFD of each round (Table 15 has round 3)",
            SCORED,
            rows=("round", "evolver"),
            columns=("data",),
            cells=CELLS,
            published={
                ("r3", evolver, "alpaca", cell): value
                for evolver, values in PUBLISHED.items()
                for cell, value in zip(CELLS, values, strict=True)
            },
        ),
        Table(
            "Mean of the four figures of IFEval, tuned on round 3 (Table 15)",
            BENCHMARKS,
            rows=("evolver",),
            columns=("data",),
            cells={"performance": pl.col("value").mean()},
            prepare=scored,
            published={(evolver, "alpaca", "performance"): value for evolver, value in PERFORMANCE.items()},
        ),
    ),
    dry=DRY_TUNING,
    note="The scorer is Llama-3.2-3B, as in the authors' scripts.",
)

if __name__ == "__main__":
    run(RECIPE)
