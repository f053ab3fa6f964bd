"""Does it take GPT-4? Auto Evol-Instruct with an open model in both roles (arXiv:2406.00770)."""

from __future__ import annotations

from experiments.recipe import Recipe, run
from experiments.recipe.papers import (
    DRY_TUNING,
    GSM8K,
    LLAMA_3_LARGE,
    MAIN_MODELS,
    SMALL_CHAT_BASE,
    TRAINED_ALONE,
)
from experiments.recipe.scores import Figures, as_published, score_table
from experiments.recipe.tuning import answering, tuned

ROLES = ("models.evolver", "models.optimizer", "models.responder")
PUBLISHED: Figures = {("GPT-4",): (70.74,), ("Llama-3-70B",): (73.7,)}

RECIPE = Recipe(
    title="An open model as evolver and optimizer",
    source="arXiv:2406.00770, Table 8",
    data=GSM8K,
    factors={"models": {"GPT-4": {}, "Llama-3-70B": dict.fromkeys(ROLES, LLAMA_3_LARGE)}},
    presets=("auto-evol",),
    settings=MAIN_MODELS | TRAINED_ALONE | tuned(SMALL_CHAT_BASE) | answering("gsm8k"),
    views=(
        score_table("Scores of the small base", ("models",), as_published((("gsm8k", "GSM8K"),), PUBLISHED)),
    ),
    dry=DRY_TUNING | {"seed.rows": "60"},
    note="It answers, too, where it evolves.",
)

if __name__ == "__main__":
    run(RECIPE)
