"""Do more optimizations a step help? The failure rate by m (arXiv:2406.00770)."""

from __future__ import annotations

import polars as pl

from experiments.recipe import Lines, Recipe, Table, run
from experiments.recipe.measures import OPTIMIZATION
from experiments.recipe.papers import AUTO_EVOL, GSM8K

CANDIDATES = ("1", "3", "5", "7", "9")

RECIPE = Recipe(
    title="Optimizations a step",
    source="arXiv:2406.00770, Figure 5 (m), on the failure rate",
    data=GSM8K,
    factors={"m": {value: {"optimize.candidates": value} for value in CANDIDATES}},
    presets=("auto-evol",),
    settings=AUTO_EVOL | {"optimize.holdout": "50"},
    dry={"seed.rows": "149"},
    views=(
        Table(
            "Failure rate λ of the initial and of the best method",
            OPTIMIZATION,
            rows=("data", "m"),
            columns=(),
            cells={
                "λ(e0)": pl.col("failure_rate.e0").mean(),
                "λ(e*)": pl.col("failure_rate.best").mean(),
                "λ(e0), holdout": pl.col("holdout_rate.e0").mean(),
                "λ(e*), holdout": pl.col("holdout_rate.best").mean(),
                "steps": pl.col("method.steps").max(),
                "words of e*": pl.col("method.words").max(),
                "calls": pl.col("calls.made").max(),
            },
            digits=3,
        ),
        Lines(
            "Failure rate λ of the best method",
            OPTIMIZATION,
            x="m",
            y=pl.col("failure_rate.best").mean(),
            series=("data",),
            y_title="failure rate λ",
        ),
    ),
)

if __name__ == "__main__":
    run(RECIPE)
