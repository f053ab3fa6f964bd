"""Which rows does each metric keep? Cuts of round 3 by share and metric (arXiv:2412.11231)."""

from __future__ import annotations

import polars as pl

from experiments.recipe import Recipe, Table, run
from experiments.recipe.measures import CUTS
from experiments.recipe.papers import ALPACA, LLAMA_BASE, LLAMA_SMALL, SMALL_EVOLVERS

RECIPE = Recipe(
    title="What each metric keeps",
    source="arXiv:2412.11231, the data behind Table 5 and Figures 6 and 7",
    data=ALPACA,
    presets=("ic-ifd",),
    settings=SMALL_EVOLVERS
    | {"models.evolver": LLAMA_SMALL, "models.scorer": LLAMA_BASE, "evolve.strategy": "evol"},
    views=(
        Table(
            "Rows that each metric keeps of the last round",
            CUTS,
            rows=("share", "metric"),
            columns=("data",),
            cells={
                "rows": pl.len(),
                "of IC-IFD's (%)": pl.col("shared").mean() * 100,
                "words": pl.col("words").mean(),
                "difficulty": pl.col("difficulty").mean(),
                "IC-IFD (%)": pl.col("ic_ifd").mean() * 100,
            },
        ),
    ),
    note="What a model makes of these rows comes with evaluation.",
)

if __name__ == "__main__":
    run(RECIPE)
