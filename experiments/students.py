"""What do students of seven sizes learn from small and large evolvers? (arXiv:2412.11231)"""

from __future__ import annotations

import polars as pl

from experiments.recipe import Recipe, Table, run
from experiments.recipe.measures import TUNED
from experiments.recipe.papers import (
    ALPACA,
    CODE_ALPACA,
    EVOLVERS,
    GSM8K,
    LLAMA_LARGE,
    ONE_ROUND,
    QWEN_STUDENTS,
    SMALL_EVOLVERS,
)

FULL_SMALL = {"finetune.learning_rate": "1e-5", "finetune.lora_rank": "0"}
FULL = {"finetune.learning_rate": "7e-6", "finetune.lora_rank": "0"}
LORA = {"finetune.learning_rate": "5e-5", "finetune.lora_rank": "8"}
TUNING = {
    "0.5B": FULL_SMALL,
    "1.5B": FULL_SMALL,
    "3B": FULL,
    "7B": FULL,
    "14B": LORA,
    "32B": LORA,
    "72B": LORA,
}
"""Table 7 of the paper."""
STUDENTS = {
    # The larger a model, the fewer tokens go through it at once; that changes no loss.
    size: {"models.base": QWEN_STUDENTS[size], "evaluate.batch_tokens": str(65_536 >> place)} | tuning
    for place, (size, tuning) in enumerate(TUNING.items())
}

RECIPE = Recipe(
    title="Students of seven sizes",
    source="arXiv:2412.11231, Table 11 and Figure 3",
    data=ALPACA | GSM8K | CODE_ALPACA,
    factors={"evolver": EVOLVERS, "student": STUDENTS},
    presets=("evol-instruct",),
    settings=SMALL_EVOLVERS
    | ONE_ROUND
    | {
        "models.responder": LLAMA_LARGE,
        "models.scorer": "null",
        "models.embedder": "null",
        "rate.measures": "[]",
        "seed.held_out": "0.1",
        "finetune.epochs": "2",
    },
    views=(
        Table(
            "Loss on held-out rows before and after, nats per answer token",
            TUNED,
            rows=("evolver", "student"),
            columns=("data",),
            cells={"base": pl.col("base").mean(), "tuned": pl.col("tuned").mean()},
            digits=3,
        ),
    ),
    dry={"finetune.batch": "8", "finetune.epochs": "1", "finetune.max_length": "512"},
    note="Tuned on one round, as in the paper's Table 1, and answered by no Qwen. The paper's scores are of "
    "benchmarks, which come with evaluation. In a dry run every student is the toy model.",
)

if __name__ == "__main__":
    run(RECIPE)
