"""Does the evolver's temperature matter? What is kept, how hard it is, what is learnt (arXiv:2412.11231)."""

from __future__ import annotations

import polars as pl

from experiments.recipe import Lines, Recipe, Table, run
from experiments.recipe.measures import LOST, ROWS, evolved
from experiments.recipe.papers import (
    CODE_ALPACA,
    DRY_TUNING,
    EVOLVERS,
    ONE_ROUND,
    SMALL_EVOLVERS,
    bases,
)
from experiments.recipe.scores import Figures, as_published, score_table
from experiments.recipe.tuning import answering, tuned

TEMPERATURES = ("0.0", "0.1", "0.3", "0.5", "0.7", "0.9")
PUBLISHED: Figures = {
    ("0.0", "LLM"): (37.20, 33.40),
    ("0.1", "LLM"): (36.59, 36.40),
    ("0.3", "LLM"): (38.41, 35.20),
    ("0.5", "LLM"): (35.98, 33.40),
    ("0.7", "LLM"): (35.98, 36.00),
    ("0.9", "LLM"): (34.76, 33.00),
    ("0.0", "SLM"): (39.63, 36.40),
    ("0.1", "SLM"): (37.80, 37.60),
    ("0.3", "SLM"): (39.63, 37.80),
    ("0.5", "SLM"): (37.80, 35.80),
    ("0.7", "SLM"): (39.02, 32.80),
    ("0.9", "SLM"): (40.24, 35.80),
}
"""Table 12."""


RECIPE = Recipe(
    title="Temperature of the evolver",
    source="arXiv:2412.11231, Table 12, and its data side",
    data=CODE_ALPACA,
    factors={
        "temperature": {value: {"evolve.temperature": value} for value in TEMPERATURES},
        "evolver": EVOLVERS,
    },
    presets=("evol-instruct",),
    settings=SMALL_EVOLVERS
    | ONE_ROUND
    | tuned(bases("Llama-3.2-3B"))
    | answering("human_eval", "mbpp")
    | {"models.embedder": "null", "models.scorer": "null"},
    views=(
        score_table(
            "Scores of Llama-3.2-3B (Table 12)",
            ("temperature", "evolver"),
            as_published((("code_alpaca", "HumanEval"), ("code_alpaca", "MBPP")), PUBLISHED),
        ),
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
    dry=DRY_TUNING,
    dry_levels={"temperature": ("0.0", "0.7")},
    note="0.0 is greedy.",
)

if __name__ == "__main__":
    run(RECIPE)
