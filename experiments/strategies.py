"""The seed, fixed operations and an optimized method, by what is learnt from each (arXiv:2406.00770)."""

from __future__ import annotations

import polars as pl

from experiments.recipe import Recipe, Table, run
from experiments.recipe.measures import LOST, ROWS, TAGGED, seed_once
from experiments.recipe.papers import (
    CODE_ALPACA,
    DRY_TUNING,
    GPT_OPTIMIZER,
    GSM8K,
    MAIN_MODELS,
    MAIN_TASKS,
    RATED,
    SHAREGPT,
)
from experiments.recipe.scores import as_published, score_table

SEED = "seed"
STRATEGIES = {
    "Evol-Instruct": {"evolve.strategy": "evol"},
    "Auto Evol-Instruct": {"evolve.strategy": "auto", "evolve.method": "optimized"},
}
UNEVOLVED = {
    "+rounds": "{}",
    "+pools": "{r0:{}}",
    "select.pools": "[r0]",
    "evolve.strategy": "auto",
    "evolve.method": "e0",
}

CHAT_AND_MATH = (("sharegpt", "MT-Bench"), ("sharegpt", "AlpacaEval"), ("gsm8k", "GSM8K"))
CODE = (("code_alpaca", "HumanEval"),)
PUBLISHED = as_published(
    CHAT_AND_MATH,
    {
        (SEED, "Mistral-7B"): (6.88, 84.08, 56.90),
        ("Evol-Instruct", "Mistral-7B"): (6.80, 86.67, 63.15),
        ("Auto Evol-Instruct", "Mistral-7B"): (7.51, 84.41, 70.74),
        (SEED, "Mixtral-8x7B"): (7.65, 87.98, 70.60),
        ("Evol-Instruct", "Mixtral-8x7B"): (7.76, 89.50, 79.15),
        ("Auto Evol-Instruct", "Mixtral-8x7B"): (8.09, 91.37, 82.49),
    },
) | as_published(
    CODE,
    {
        (SEED, "CodeLlama-13B-Python"): (57.90,),
        ("Evol-Instruct", "CodeLlama-13B-Python"): (61.59,),
        ("Auto Evol-Instruct", "CodeLlama-13B-Python"): (65.85,),
        (SEED, "DeepSeek-Coder-33B"): (72.00,),
        ("Evol-Instruct", "DeepSeek-Coder-33B"): (73.20,),
        ("Auto Evol-Instruct", "DeepSeek-Coder-33B"): (77.40,),
    },
)

TAGS = {
    ("gsm8k", SEED): (1.39, 4.82),
    ("gsm8k", "Evol-Instruct"): (1.69, 4.90),
    ("gsm8k", "Auto Evol-Instruct"): (2.2, 5.54),
    ("code_alpaca", SEED): (1.95, 4.06),
    ("code_alpaca", "Evol-Instruct"): (2.37, 4.55),
    ("code_alpaca", "Auto Evol-Instruct"): (3.05, 5.18),
}
"""Table 4."""

RECIPE = Recipe(
    title="The seed, fixed operations and evolving methods",
    source="arXiv:2406.00770, Tables 2 and 4",
    data=SHAREGPT | GSM8K | CODE_ALPACA,
    factors={"strategy": {SEED: UNEVOLVED, **STRATEGIES}},
    presets=("auto-evol",),
    settings=MAIN_MODELS
    | RATED
    | {"models.tagger": GPT_OPTIMIZER, "models.embedder": "null", "models.scorer": "null"},
    by_data=MAIN_TASKS,
    views=(
        score_table("Scores of small and large bases", ("strategy", "student"), PUBLISHED),
        Table(
            "Seed and one round of each",
            ROWS,
            rows=("data", "round", "strategy"),
            columns=(),
            cells={
                "rows": pl.col("reason").is_null().sum(),
                "lost, %": LOST,
                "words": pl.col("words").mean(),
                "difficulty": pl.col("score").mean(),
            },
            prepare=seed_once("strategy"),
            digits=1,
        ),
        Table(
            "Tags of 100 rows of each (InsTag, Table 4)",
            TAGGED,
            rows=("data", "round", "strategy"),
            columns=(),
            cells={
                "diversity": pl.col("tag").n_unique() / pl.col("id").n_unique(),
                "complexity": pl.len() / pl.col("id").n_unique(),
            },
            prepare=seed_once("strategy"),
            published={
                (data, "r0" if strategy == SEED else "r1", strategy, measure): value
                for (data, strategy), values in TAGS.items()
                for measure, value in zip(("diversity", "complexity"), values, strict=True)
            },
        ),
    ),
    dry=DRY_TUNING | {"seed.rows": "60"},
    note="GPT-4 evolves, optimizes and answers, by the paper's Table 1; its appendix F.1 has GPT-3.5-turbo "
    "evolve code. In Table 4 GPT-3.5-turbo evolves all, and chat is Alpaca. The paper does not name its "
    "tagger; here it is the evolver's model. Its AlpacaEval is the first: it wants text-davinci-003's "
    "answers in the items, and has another prompt for its judge.",
)

if __name__ == "__main__":
    run(RECIPE)
