"""Small against large evolvers in Auto Evol-Instruct, at equal size (arXiv:2412.11231)."""

from __future__ import annotations

import polars as pl

from experiments.recipe import Recipe, Table, run
from experiments.recipe.measures import DATASET, ROWS, evolved
from experiments.recipe.papers import (
    DRY_TUNING,
    EVOLVERS,
    SEEDS,
    SMALL_EVOLVERS,
    TASKS,
    bases,
)
from experiments.recipe.scores import EVOLVER_SCORES, Figures, as_published, score_table
from experiments.recipe.tuning import tuned

PUBLISHED: Figures = {
    ("LLM", "Llama-3.2-3B"): (36.60, 48.68, 39.00, 51.08, 53.60, 7.56, 35.37, 33.00),
    ("LLM", "Llama-3-8B"): (35.86, 47.60, 38.63, 50.24, 63.91, 9.18, 38.41, 32.40),
    ("LLM", "Llama-3.1-8B"): (36.97, 47.60, 40.30, 51.08, 66.11, 11.68, 40.85, 40.40),
    ("SLM", "Llama-3.2-3B"): (45.47, 57.43, 50.28, 61.27, 56.48, 8.42, 38.41, 34.40),
    ("SLM", "Llama-3-8B"): (37.34, 49.64, 39.74, 51.56, 67.40, 12.26, 43.90, 34.80),
    ("SLM", "Llama-3.1-8B"): (38.08, 49.76, 40.48, 52.40, 69.52, 15.62, 51.22, 38.80),
}
"""Table 4."""
SIZES = {"alpaca": 40_483, "gsm8k": 6_200, "code_alpaca": 15_533}
"""Rows of each evolver that the paper trains on."""

RECIPE = Recipe(
    title="Small and large evolvers at equal size",
    source="arXiv:2412.11231, Table 4, and the data behind it",
    data=SEEDS,
    factors={"evolver": EVOLVERS},
    presets=("auto-evol-e0",),
    settings=SMALL_EVOLVERS
    | tuned(bases("Llama-3.2-3B", "Llama-3-8B", "Llama-3.1-8B"))
    | {"models.embedder": "null", "models.scorer": "null"},
    by_data=TASKS,
    equal="evolver",
    views=(
        score_table("Scores (Table 4)", ("evolver", "student"), as_published(EVOLVER_SCORES, PUBLISHED)),
        Table(
            "Rows kept of those tried",
            ROWS,
            rows=("evolver",),
            columns=("data",),
            cells={"tried": pl.len(), "kept": pl.col("reason").is_null().sum()},
            prepare=evolved,
        ),
        Table(
            "Cut to equal size: what is trained on",
            DATASET,
            rows=("evolver",),
            columns=("data",),
            cells={"rows": pl.len(), "difficulty": pl.col("score").mean(), "words": pl.col("words").mean()},
            published={(evolver, data, "rows"): rows for evolver in EVOLVERS for data, rows in SIZES.items()},
        ),
    ),
    dry=DRY_TUNING,
    note="Data are made first; once both evolvers' are there, each is cut to the smaller, drawn by "
    "`random_seed`, exported and trained on.",
)

if __name__ == "__main__":
    run(RECIPE)
