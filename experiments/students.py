"""What do students of seven sizes learn from small and large evolvers? (arXiv:2412.11231)"""

from __future__ import annotations

import polars as pl

from experiments.recipe import Lines, Recipe, run
from experiments.recipe.measures import BENCHMARKS
from experiments.recipe.papers import (
    DRY_TUNING,
    EVOLVERS,
    LLAMA_LARGE,
    ONE_ROUND,
    QWEN_STUDENTS,
    SEEDS,
    SMALL_EVOLVERS,
    TASKS,
    TRAINED_ALONE,
)
from experiments.recipe.scores import EVOLVER_SCORES, Figures, as_published, panels, score_table
from experiments.recipe.tuning import tuned

PUBLISHED: Figures = {
    ("LLM", "Qwen-2.5-0.5B"): (18.48, 32.73, 22.00, 35.85, 40.26, 16.32, 30.49, 27.60),
    ("LLM", "Qwen-2.5-1.5B"): (28.84, 42.67, 31.98, 46.04, 62.32, 24.06, 50.00, 43.20),
    ("LLM", "Qwen-2.5-3B"): (37.89, 48.56, 42.70, 53.60, 76.12, 26.44, 63.41, 55.40),
    ("LLM", "Qwen-2.5-7B"): (46.21, 56.83, 50.64, 60.79, 76.12, 38.14, 70.73, 61.60),
    ("LLM", "Qwen-2.5-14B"): (40.11, 54.43, 48.24, 61.99, 87.79, 49.94, 75.00, 67.20),
    ("LLM", "Qwen-2.5-32B"): (42.88, 57.31, 51.20, 64.15, 87.79, 55.02, 80.49, 71.20),
    ("LLM", "Qwen-2.5-72B"): (50.63, 68.43, 57.12, 70.98, 91.05, 58.83, 82.93, 76.00),
    ("SLM", "Qwen-2.5-0.5B"): (17.38, 29.38, 19.78, 32.01, 40.71, 16.26, 34.76, 28.00),
    ("SLM", "Qwen-2.5-1.5B"): (28.47, 41.73, 31.98, 44.96, 65.35, 27.84, 52.44, 49.94),
    ("SLM", "Qwen-2.5-3B"): (38.82, 49.76, 42.51, 53.96, 76.57, 30.92, 64.02, 55.80),
    ("SLM", "Qwen-2.5-7B"): (47.32, 58.39, 51.39, 62.35, 82.03, 43.78, 71.95, 61.80),
    ("SLM", "Qwen-2.5-14B"): (42.51, 55.16, 51.02, 62.47, 88.17, 52.22, 75.61, 67.20),
    ("SLM", "Qwen-2.5-32B"): (45.84, 58.75, 54.71, 66.31, 89.61, 55.28, 81.71, 73.20),
    ("SLM", "Qwen-2.5-72B"): (52.79, 72.56, 61.25, 73.27, 91.36, 60.75, 84.67, 76.80),
}
"""Table 11."""


def sized(frame: pl.DataFrame) -> pl.DataFrame:
    """Give the size of each student, in billions of parameters, and a panel for each score."""
    size = pl.col("student").str.extract(r"([\d.]+)B").cast(pl.Float64)
    return panels(frame).with_columns(size.alias("billions"))


RECIPE = Recipe(
    title="Students of seven sizes",
    source="arXiv:2412.11231, Table 11 and Figure 3",
    data=SEEDS,
    factors={"evolver": EVOLVERS},
    presets=("evol-instruct",),
    settings=SMALL_EVOLVERS
    | ONE_ROUND
    | TRAINED_ALONE
    | tuned(QWEN_STUDENTS)
    | {"models.responder": LLAMA_LARGE},
    by_data=TASKS,
    views=(
        score_table("Scores (Table 11)", ("evolver", "student"), as_published(EVOLVER_SCORES, PUBLISHED)),
        Lines(
            "Scores by size (Figure 3)",
            BENCHMARKS,
            x="billions",
            y=pl.col("value").mean(),
            y_title="score",
            series=("evolver",),
            prepare=sized,
            logarithmic=True,
        ),
    ),
    dry=DRY_TUNING,
    note="Tuned on one round, as in the paper's Table 1, and answered by no Qwen; with LoRA from 14B on. "
    "In a dry run two sizes are tuned, and both are the toy model.",
)

if __name__ == "__main__":
    run(RECIPE)
