"""AutoIF by small and large models: what is left of each step, and what is learnt (arXiv:2412.11231)."""

from __future__ import annotations

import polars as pl

from experiments.neighbour_distance import FARTHEST, binned
from experiments.recipe import Lines, Recipe, Table, run
from experiments.recipe.measures import COMPOSED, FUNNEL, once
from experiments.recipe.papers import (
    DRY_TUNING,
    EVOLVERS,
    LLAMA_LARGE,
    MND,
    QWEN_2,
    QWEN_STUDENTS,
    SHAREGPT,
    SMALL_EVOLVERS,
    bases,
)
from experiments.recipe.scores import Figures, as_published, score_table
from experiments.recipe.tuning import answering, tuned

QWEN_2_5 = {"Qwen-2.5-7B": QWEN_STUDENTS["Qwen-2.5-7B"]}
RESPONDERS = {
    "Qwen-2.5-72B": tuned(bases("Llama-3.2-3B", "Llama-3-8B", "Llama-3.1-8B", "InternLM-2-7B") | QWEN_2),
    "Llama-3.1-70B": tuned(QWEN_2_5) | {"models.responder": LLAMA_LARGE},
}
"""No Qwen-2.5 is tuned on a Qwen-2.5's answers."""
SCORES = (
    *(f"IFEval {figure}" for figure in ("Pr.(S)", "In.(S)", "Pr.(L)", "In.(L)")),
    *(f"FollowBench {level}" for level in range(1, 6)),
    "FollowBench",
    "C-Eval",
    "MMLU",
    "HumanEval",
    "GSM8K",
)
# Of each row IFEval, then FollowBench, then the others.
PUBLISHED: Figures = {
    ("LLM", "Llama-3.2-3B"): (
        *(40.85, 51.92, 42.33, 53.84),
        *(61.17, 57.59, 50.55, 33.09, 26.74, 45.83),
        *(41.37, 52.65, 29.88, 27.07),
    ),
    ("LLM", "Llama-3-8B"): (
        *(37.71, 50.00, 39.19, 52.04),
        *(49.64, 46.60, 41.56, 27.05, 22.37, 37.44),
        *(41.87, 51.14, 26.83, 37.76),
    ),
    ("LLM", "Llama-3.1-8B"): (
        *(41.96, 53.36, 42.70, 54.20),
        *(51.77, 45.60, 45.04, 34.85, 26.61, 40.78),
        *(44.50, 56.39, 31.10, 38.21),
    ),
    ("LLM", "Qwen-2-7B"): (
        *(41.96, 53.60, 43.62, 55.64),
        *(72.18, 62.45, 56.43, 41.31, 35.42, 53.56),
        *(81.08, 55.71, 57.32, 79.68),
    ),
    ("LLM", "Qwen-2.5-7B"): (
        *(49.17, 60.31, 50.46, 61.51),
        *(78.88, 73.78, 61.50, 51.99, 45.42, 62.31),
        *(80.46, 58.39, 67.68, 85.90),
    ),
    ("LLM", "InternLM-2-7B"): (
        *(46.21, 56.71, 48.06, 58.63),
        *(68.89, 62.23, 54.17, 44.27, 42.06, 54.33),
        *(60.11, 60.59, 65.35, 50.00),
    ),
    ("SLM", "Llama-3.2-3B"): (
        *(43.62, 54.20, 46.95, 57.07),
        *(56.95, 61.46, 50.20, 37.65, 34.16, 48.08),
        *(40.56, 49.08, 25.00, 29.87),
    ),
    ("SLM", "Llama-3-8B"): (
        *(41.04, 51.32, 42.88, 53.11),
        *(62.99, 54.38, 49.29, 32.21, 32.21, 46.21),
        *(43.49, 55.63, 37.20, 45.26),
    ),
    ("SLM", "Llama-3.1-8B"): (
        *(42.51, 54.92, 44.73, 56.71),
        *(63.99, 58.15, 53.29, 39.49, 36.02, 50.19),
        *(43.77, 58.32, 32.32, 47.92),
    ),
    ("SLM", "Qwen-2-7B"): (
        *(44.92, 55.76, 47.50, 58.39),
        *(78.75, 63.30, 52.31, 50.28, 43.08, 57.54),
        *(80.11, 56.84, 65.24, 79.53),
    ),
    ("SLM", "Qwen-2.5-7B"): (
        *(50.09, 59.59, 52.50, 61.75),
        *(77.86, 70.22, 59.86, 53.35, 47.18, 61.69),
        *(79.74, 60.17, 72.56, 84.69),
    ),
    ("SLM", "InternLM-2-7B"): (
        *(47.50, 57.67, 50.83, 61.15),
        *(74.73, 66.16, 61.94, 54.10, 46.28, 60.64),
        *(63.03, 63.16, 70.96, 54.27),
    ),
}
"""Table 3."""


def _of(step: str, count: str) -> pl.Expr:
    return pl.col(count).filter(step=step).sum()


RECIPE = Recipe(
    title="Instructions that code can check",
    source="arXiv:2412.11231, Table 3 and the data behind it, and Figure 4",
    data=SHAREGPT,
    factors={"evolver": EVOLVERS, "responder": RESPONDERS},
    presets=("autoif-short",),
    # The data set is what queries are drawn from; of it nothing is answered.
    settings=SMALL_EVOLVERS
    | MND
    | answering("ifeval", "followbench", "ceval", "mmlu", "human_eval", "gsm8k")
    | {
        "autoif.compose.queries": "seed",
        "+pools": "{autoif:{}}",
        "rate.measures": "[]",
        "models.scorer": "null",
    },
    views=(
        score_table(
            "Scores (Table 3)",
            ("evolver", "student"),
            as_published([("sharegpt", score) for score in SCORES], PUBLISHED),
        ),
        Table(
            "From constraints to rows",
            FUNNEL,
            rows=("evolver",),
            columns=("data",),
            cells={
                "constraints": _of("augment", "out"),
                "functions": _of("verifiers", "out"),
                "cross-checked": _of("crosscheck", "passed"),
                "rows": _of("quality", "out"),
            },
            published={
                ("SLM", "sharegpt", "cross-checked"): 780,
                ("LLM", "sharegpt", "cross-checked"): 420,
                **{(evolver, "sharegpt", "rows"): 6_720 for evolver in EVOLVERS},
            },
            prepare=once("responder"),
            digits=0,
        ),
        Lines(
            "Rows by distance to the nearest other instruction (Figure 4)",
            COMPOSED,
            x="distance",
            y=pl.col("share").sum(),
            series=("evolver",),
            prepare=lambda frame: binned(once("responder")(frame)),
            last_edge=FARTHEST,
            y_title="share of instructions",
        ),
    ),
    dry=DRY_TUNING
    | {"autoif.augment.rounds": "2", "autoif.augment.count": "10", "autoif.compose.rows": "100"},
    dry_levels={"responder": ("Qwen-2.5-72B",)},
    note="Rows of both are cut to 6,720, what the large evolver comes to, before they are answered. "
    "Distances are squared, of instruction and input. The seeds are 36 constraints of this project's own. "
    "FollowBench is judged by the judge of the other measures.",
)

if __name__ == "__main__":
    run(RECIPE)
