"""Do more optimizations a step help? The failure rate by m, and what is learnt (arXiv:2406.00770)."""

from __future__ import annotations

import polars as pl

from experiments.recipe import Lines, Recipe, Table, run
from experiments.recipe.measures import OPTIMIZATION
from experiments.recipe.papers import AUTO_EVOL, DRY_TUNING, GSM8K, SMALL_CHAT_BASE, TRAINED_ALONE
from experiments.recipe.scores import Figures, as_published, score_table
from experiments.recipe.tuning import answering, tuned

CANDIDATES = ("1", "3", "5", "7", "9")
PUBLISHED: Figures = {("1",): (62.7,), ("9",): (65.0,)}

RECIPE = Recipe(
    title="Optimizations a step",
    source="arXiv:2406.00770, Figure 5 (a), and the failure rate",
    data=GSM8K,
    factors={"m": {value: {"optimize.candidates": value} for value in CANDIDATES}},
    presets=("auto-evol",),
    settings=AUTO_EVOL
    | TRAINED_ALONE
    | tuned(SMALL_CHAT_BASE)
    | answering("gsm8k")
    | {"optimize.holdout": "50"},
    dry=DRY_TUNING | {"seed.rows": "149"},
    dry_levels={"m": ("1", "5", "9")},
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
        score_table("Scores of Mistral-7B", ("m",), as_published((("gsm8k", "GSM8K"),), PUBLISHED)),
    ),
)

if __name__ == "__main__":
    run(RECIPE)
