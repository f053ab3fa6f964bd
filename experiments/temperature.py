"""Does the evolver's temperature matter? What is kept and how hard it is (arXiv:2412.11231)."""

from __future__ import annotations

import polars as pl

from experiments.recipe import Lines, Recipe, Table, run
from experiments.recipe.measures import LOST, ROWS, evolved
from experiments.recipe.papers import CODE_ALPACA, EVOLVERS, ONE_ROUND, SMALL_EVOLVERS

TEMPERATURES = ("0.0", "0.1", "0.3", "0.5", "0.7", "0.9")


RECIPE = Recipe(
    title="Temperature of the evolver",
    source="arXiv:2412.11231, Table 12, data side",
    data=CODE_ALPACA,
    factors={
        "temperature": {value: {"evolve.temperature": value} for value in TEMPERATURES},
        "evolver": EVOLVERS,
    },
    presets=("evol-instruct",),
    settings=SMALL_EVOLVERS | ONE_ROUND,
    views=(
        Table(
            "Rows kept, rows lost in evolution, mean difficulty",
            ROWS,
            rows=("data", "temperature"),
            columns=("evolver",),
            cells={
                "rows": pl.col("reason").is_null().sum(),
                "lost, %": LOST,
                "difficulty": pl.col("score").mean(),
            },
            prepare=evolved,
            digits=1,
        ),
        Lines(
            "Mean difficulty by temperature",
            ROWS,
            x="temperature",
            y=pl.col("score").mean(),
            series=("evolver",),
            prepare=evolved,
            y_title="difficulty, 0 to 100",
        ),
    ),
    note="0.0 is greedy. The paper's own columns, HumanEval and MBPP of a tuned model, come with evaluation.",
)

if __name__ == "__main__":
    run(RECIPE)
