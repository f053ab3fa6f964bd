"""What do models learn from the seed alone? The baseline of all other tables (arXiv:2412.11231)."""

from __future__ import annotations

from experiments.recipe import Recipe, run
from experiments.recipe.papers import (
    BASES,
    DRY_TUNING,
    SEED_ALONE,
    SEEDS,
    SMALL_EVOLVERS,
    TASKS,
    TRAINED_ALONE,
)
from experiments.recipe.scores import EVOLVER_SCORES, Figures, as_published, score_table
from experiments.recipe.tuning import tuned

PUBLISHED: Figures = {
    ("Mistral-7B-v0.3",): (17.01, 26.86, 19.04, 29.14, 27.07, 0.12, 10.20, 8.80),
    ("DeepSeek-7B",): (22.00, 34.05, 23.48, 35.73, 44.05, 0.56, 25.61, 33.80),
    ("Llama-3.2-3B",): (22.55, 34.17, 25.88, 37.65, 46.40, 0.56, 28.05, 32.20),
    ("Llama-3-8B",): (23.11, 32.97, 24.77, 35.13, 53.68, 0.22, 25.00, 28.60),
    ("Llama-3.1-8B",): (27.54, 38.13, 28.65, 39.21, 56.41, 7.56, 29.88, 31.80),
    ("InternLM-2-7B",): (32.72, 45.08, 35.30, 48.08, 61.87, 10.28, 42.07, 40.00),
}
"""Table 9."""

RECIPE = Recipe(
    title="The seed alone",
    source="arXiv:2412.11231, Table 9",
    data=SEEDS,
    presets=("small-evolvers",),
    settings=SMALL_EVOLVERS | SEED_ALONE | TRAINED_ALONE | tuned(BASES),
    by_data=TASKS,
    views=(score_table("Scores", ("student",), as_published(EVOLVER_SCORES, PUBLISHED)),),
    dry=DRY_TUNING,
    note="Tuned on the seed's own answers; chat models are asked for those alone that it lacks.",
)

if __name__ == "__main__":
    run(RECIPE)
