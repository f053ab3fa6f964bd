"""Is more evolution better? Llama-3-8B tuned on each of three rounds (arXiv:2412.11231)."""

from __future__ import annotations

import polars as pl

from experiments.recipe import Lines, Recipe, run
from experiments.recipe.measures import BENCHMARKS
from experiments.recipe.papers import (
    DRY_TUNING,
    EVOLVERS,
    SEEDS,
    SMALL_EVOLVERS,
    TASKS,
    TRAINED_ALONE,
    bases,
    last_round,
)
from experiments.recipe.scores import EVOLVER_SCORES, Figures, as_published, panels, score_table
from experiments.recipe.tuning import tuned

PUBLISHED: Figures = {
    ("LLM", "1"): (33.83, 46.28, 36.41, 49.28, 63.00, 7.62, 43.90, 36.20),
    ("LLM", "2"): (32.53, 43.76, 34.20, 46.16, 64.59, 10.04, 42.07, 36.60),
    ("LLM", "3"): (35.12, 47.36, 36.97, 49.28, 64.75, 11.82, 43.29, 37.20),
    ("SLM", "1"): (35.49, 47.00, 39.56, 50.72, 63.38, 11.44, 48.17, 37.60),
    ("SLM", "2"): (36.78, 48.20, 40.30, 50.84, 64.82, 11.48, 48.78, 39.40),
    ("SLM", "3"): (33.09, 44.72, 36.41, 48.32, 65.88, 14.12, 44.51, 40.80),
}
"""Table 10."""

RECIPE = Recipe(
    title="Three iterations",
    source="arXiv:2412.11231, Table 10 and Figure 1",
    data=SEEDS,
    factors={"evolver": EVOLVERS, "iteration": {str(number): last_round(number) for number in (1, 2, 3)}},
    presets=("evol-instruct",),
    settings=SMALL_EVOLVERS | TRAINED_ALONE | tuned(bases("Llama-3-8B")),
    by_data=TASKS,
    views=(
        score_table("Scores (Table 10)", ("evolver", "iteration"), as_published(EVOLVER_SCORES, PUBLISHED)),
        Lines(
            "Scores by iteration (Figure 1)",
            BENCHMARKS,
            x="iteration",
            y=pl.col("value").mean(),
            y_title="score",
            series=("evolver",),
            prepare=panels,
        ),
    ),
    dry=DRY_TUNING,
    dry_levels={"iteration": ("1", "3")},
    note="Each is tuned on one round alone, and rounds that are not are not answered.",
)

if __name__ == "__main__":
    run(RECIPE)
