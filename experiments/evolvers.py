"""Small and large evolvers over three rounds, both strategies: the data side of arXiv:2412.11231 at once."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from experiments import difficulty, keywords, token_probability
from experiments.recipe import Lines, Recipe, Table, run
from experiments.recipe.measures import ANSWERED, FATES, LOST, ROWS, kinds
from experiments.recipe.papers import (
    EVOLVERS,
    SEEDS,
    SMALL_EVOLVERS,
)

BOTH = ("strategy", "evolver")
ROUNDS = ("strategy", "round", "evolver")


def numbered(frame: pl.DataFrame) -> pl.DataFrame:
    """Give rounds as numbers."""
    return frame.with_columns(pl.col("round").str.strip_prefix("r").cast(pl.Int64))


RECIPE = Recipe(
    title="Small and large evolvers, both strategies",
    source="arXiv:2412.11231, Table 13, Figures 2 and 5, keywords; and the failures by kind",
    data=SEEDS,
    factors={
        "strategy": {
            "evol": {"evolve.strategy": "evol"},
            "auto": {"evolve.strategy": "auto", "evolve.method": "e0"},
        },
        "evolver": EVOLVERS,
    },
    presets=("evol-instruct",),
    settings=SMALL_EVOLVERS | {"evolve.token_probability": "true", "keywords.rows": "200"},
    views=(
        replace(difficulty.SCORES, rows=ROUNDS, published={}),
        Lines(
            "Mean difficulty score by round",
            ROWS,
            x="round",
            prepare=numbered,
            y=pl.col("score").mean(),
            series=BOTH,
            y_title="difficulty, 0 to 100",
        ),
        replace(difficulty.LEVEL_SHARES, bars=ROUNDS),
        Table(
            "Rows kept, and lost in evolution",
            ROWS,
            rows=ROUNDS,
            columns=("data",),
            cells={"rows": pl.col("reason").is_null().sum(), "lost, %": LOST},
            prepare=difficulty.SCORES.prepare,
            digits=1,
        ),
        Table(
            "Answers that fail, and mean difficulty of rows whose answer stands",
            ANSWERED,
            rows=ROUNDS,
            columns=("data",),
            cells={
                "failed, %": pl.col("stands").not_().mean() * 100,
                "difficulty": pl.col("score").filter("stands").mean(),
            },
            digits=1,
        ),
        Table(
            "Rows that failed by kind, in percent, all rounds",
            FATES,
            rows=("strategy", "stage", "reason"),
            columns=("data", "evolver"),
            cells={"percent": pl.col("rows").sum() / pl.col("of").sum() * 100},
            prepare=kinds("data", "strategy", "evolver", "stage"),
        ),
        replace(keywords.COUNTS, rows=BOTH),
        replace(token_probability.DISTRIBUTION, series=BOTH),
        replace(token_probability.FIRST_TOKENS, series=BOTH),
        replace(token_probability.SURE_SHARES, rows=ROUNDS),
    ),
)

if __name__ == "__main__":
    run(RECIPE)
