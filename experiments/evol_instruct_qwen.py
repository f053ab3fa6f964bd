"""Do small models evolve better data than large ones? Fixed operations, Qwen-2 (arXiv:2412.11231)."""

from __future__ import annotations

from dataclasses import replace

from experiments import evol_instruct
from experiments.recipe import run
from experiments.recipe.papers import QWEN_EVOLVERS
from experiments.recipe.scores import EVOLVER_SCORES, Figures, as_published, score_table

PUBLISHED: Figures = {
    ("LLM", "Mistral-7B-v0.3"): (20.15, 30.94, 23.84, 34.41, 46.93, 3.26, 32.32, 1.80),
    ("LLM", "DeepSeek-7B"): (35.67, 47.12, 39.56, 50.84, 44.81, 2.76, 36.59, 34.00),
    ("LLM", "Llama-3.2-3B"): (39.74, 51.44, 43.99, 55.40, 53.83, 7.40, 38.41, 31.00),
    ("LLM", "Llama-3-8B"): (34.75, 45.80, 37.71, 48.92, 63.76, 10.06, 43.90, 35.40),
    ("LLM", "Llama-3.1-8B"): (36.41, 47.60, 39.00, 50.60, 65.43, 10.84, 48.17, 38.40),
    ("LLM", "InternLM-2-7B"): (41.96, 53.60, 43.99, 55.64, 65.28, 17.96, 56.71, 40.60),
    ("SLM", "Mistral-7B-v0.3"): (25.32, 37.17, 29.76, 41.01, 47.31, 2.20, 32.93, 12.00),
    ("SLM", "DeepSeek-7B"): (36.41, 48.56, 39.37, 51.32, 48.07, 3.82, 35.37, 33.20),
    ("SLM", "Llama-3.2-3B"): (43.81, 55.16, 47.87, 58.27, 56.56, 7.18, 39.63, 31.40),
    ("SLM", "Llama-3-8B"): (38.92, 48.33, 43.81, 52.19, 63.91, 8.66, 45.73, 38.40),
    ("SLM", "Llama-3.1-8B"): (34.75, 45.80, 39.93, 51.08, 68.76, 14.02, 46.34, 38.60),
    ("SLM", "InternLM-2-7B"): (44.12, 55.16, 48.62, 58.73, 66.87, 19.60, 58.54, 41.40),
}
"""Table 2."""

RECIPE = replace(
    evol_instruct.RECIPE,
    title="Small and large evolvers in Evol-Instruct, Qwen-2",
    source="arXiv:2412.11231, Table 2",
    factors={"evolver": QWEN_EVOLVERS},
    views=(score_table("Scores", ("evolver", "student"), as_published(EVOLVER_SCORES, PUBLISHED)),),
)

if __name__ == "__main__":
    run(RECIPE)
