"""Does a brief tuning change what a scorer chooses? IFD by base and experienced base (arXiv:2308.12032)."""

from __future__ import annotations

import polars as pl

from experiments.recipe import Recipe, Table, run
from experiments.recipe.measures import SELECTED, shared_by
from experiments.recipe.papers import CHERRY_ALPACA, LLAMA_7B, SEED_ALONE, SMALL_EVOLVERS

RECIPE = Recipe(
    title="What an experienced scorer chooses",
    source="arXiv:2308.12032, the data behind its 5 % of Alpaca",
    data=CHERRY_ALPACA,
    factors={
        "scorer": {
            "plain": {"models.scorer": LLAMA_7B},
            "experienced": {"models.scorer": "models/experienced"},
        }
    },
    presets=("cherry",),
    settings=SMALL_EVOLVERS | SEED_ALONE | {"experience.base": LLAMA_7B},
    dry={
        "seed.rows": "60",
        "experience.clusters": "4",
        "experience.rows": "4",
        "experience.batch": "4",
        "experience.learning_rate": "0.001",
        "select.share": "0.25",
    },
    views=(
        Table(
            "IFD of the seed, and what is selected by it",
            SELECTED,
            rows=("scorer",),
            columns=("data",),
            cells={
                "rows": pl.len(),
                "IFD": pl.col("ifd").mean(),
                "IFD ≥ 1 (%)": (pl.col("ifd") >= 1).mean() * 100,
                "selected": pl.col("selected").sum(),
                "by the other, too (%)": pl.col("shared").filter("selected").mean() * 100,
            },
            prepare=shared_by("scorer"),
        ),
    ),
    note="The published 5 % are 6 % of the rows with an IFD of 1 at most.",
)

if __name__ == "__main__":
    run(RECIPE)
