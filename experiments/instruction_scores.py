"""Does IFD or IC-IFD rank data as tuning does? Their means over round 3 (arXiv:2412.11231)."""

from __future__ import annotations

import polars as pl

from experiments.recipe import Recipe, Table, run
from experiments.recipe.measures import SCORED
from experiments.recipe.papers import ALPACA, EVOLVERS, LLAMA_BASE, SMALL_EVOLVERS

PUBLISHED = {"LLM": (82.03, 37.05), "SLM": (83.04, 35.89)}
CELLS = {"IFD (%)": pl.col("ifd").mean() * 100, "IC-IFD (%)": pl.col("ic_ifd").mean() * 100}

RECIPE = Recipe(
    title="IFD and IC-IFD of evolved data",
    source="arXiv:2412.11231, Table 15",
    data=ALPACA,
    factors={"evolver": EVOLVERS},
    presets=("ic-ifd",),
    settings=SMALL_EVOLVERS | {"models.scorer": LLAMA_BASE},
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
    ),
    note="The paper's third column, IFEval, comes with evaluation; its scorer is not named.",
)

if __name__ == "__main__":
    run(RECIPE)
