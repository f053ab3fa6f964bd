"""Do small models evolve better data than large ones? Fixed operations, Llama-3.1 (arXiv:2412.11231)."""

from __future__ import annotations

from experiments.recipe import Recipe, run
from experiments.recipe.papers import (
    BASES,
    DRY_TUNING,
    EVOLVERS,
    ONE_ROUND,
    SEEDS,
    SMALL_EVOLVERS,
    TASKS,
    TRAINED_ALONE,
)
from experiments.recipe.scores import EVOLVER_SCORES, Figures, as_published, score_table
from experiments.recipe.tuning import tuned

PUBLISHED: Figures = {
    ("LLM", "Mistral-7B-v0.3"): (19.59, 31.77, 22.74, 34.65, 33.89, 3.16, 24.39, 6.00),
    ("LLM", "DeepSeek-7B"): (36.23, 48.20, 41.04, 52.52, 48.07, 2.96, 28.66, 33.00),
    ("LLM", "Llama-3.2-3B"): (40.11, 50.84, 43.81, 54.43, 53.75, 6.60, 35.98, 36.00),
    ("LLM", "Llama-3-8B"): (33.83, 46.28, 36.41, 49.28, 63.00, 7.62, 43.90, 36.20),
    ("LLM", "Llama-3.1-8B"): (34.57, 46.04, 38.81, 50.48, 64.22, 11.32, 51.22, 40.60),
    ("LLM", "InternLM-2-7B"): (40.85, 53.48, 44.54, 56.95, 68.31, 19.50, 56.10, 40.40),
    ("SLM", "Mistral-7B-v0.3"): (24.40, 35.01, 26.25, 37.53, 40.18, 2.84, 29.27, 19.60),
    ("SLM", "DeepSeek-7B"): (36.60, 48.08, 41.77, 53.12, 47.92, 3.56, 34.76, 33.80),
    ("SLM", "Llama-3.2-3B"): (41.59, 53.48, 45.66, 57.07, 55.12, 7.32, 39.02, 32.80),
    ("SLM", "Llama-3-8B"): (35.49, 47.00, 39.56, 50.72, 63.38, 11.44, 48.17, 37.60),
    ("SLM", "Llama-3.1-8B"): (38.45, 50.96, 43.81, 55.28, 67.10, 13.12, 48.78, 41.60),
    ("SLM", "InternLM-2-7B"): (43.07, 54.80, 47.32, 58.39, 68.08, 20.32, 57.93, 40.80),
}
"""Table 1."""

RECIPE = Recipe(
    title="Small and large evolvers in Evol-Instruct, Llama-3.1",
    source="arXiv:2412.11231, Table 1",
    data=SEEDS,
    factors={"evolver": EVOLVERS},
    presets=("evol-instruct",),
    settings=SMALL_EVOLVERS | ONE_ROUND | TRAINED_ALONE | tuned(BASES),
    by_data=TASKS,
    views=(score_table("Scores", ("evolver", "student"), as_published(EVOLVER_SCORES, PUBLISHED)),),
    dry=DRY_TUNING,
    note="Tuned on one round: Llama-3-8B has the scores of iteration 1 in Table 10. The paper "
    "does not say which chat template it gives bases without one: "
    "Llamas have Llama 3's, InternLM-2 ChatML, the others Vicuna's.",
)

if __name__ == "__main__":
    run(RECIPE)
