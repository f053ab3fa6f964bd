"""Does it matter what optimization begins with? e0 and a weak method, before and after (arXiv:2406.00770)."""

from __future__ import annotations

import polars as pl

from experiments.recipe import Recipe, Table, run
from experiments.recipe.measures import LOST, ROWS, evolved
from experiments.recipe.papers import (
    AUTO_EVOL,
    CODE_ALPACA,
    CODE_TUNING,
    DRY_TUNING,
    GSM8K,
    SHAREGPT,
    SMALL_CHAT_BASE,
    SMALL_CODE_BASE,
    TRAINED_ALONE,
)
from experiments.recipe.scores import Figures, as_published, score_table
from experiments.recipe.tuning import answering, tuned


def method(name: str, initial: str = "e0") -> dict[str, str]:
    """Evolve by a method; `initial` is what its optimization begins with."""
    return {"evolve.strategy": "auto", "evolve.method": name, "optimize.initial": initial}


METHODS = {
    "Evol-Instruct": {"evolve.strategy": "evol"},
    "e0": method("e0"),
    "e0, optimized": method("optimized"),
    "weak e0": method("weak"),
    "weak e0, optimized": method("optimized", "weak"),
}
PUBLISHED: Figures = {
    ("e0",): (62.7,),
    ("e0, optimized",): (64.4,),
    ("weak e0",): (59.4,),
    ("weak e0, optimized",): (62.7,),
}

RECIPE = Recipe(
    title="Initial methods",
    source="arXiv:2406.00770, Figures 3 and 4",
    data=SHAREGPT | GSM8K | CODE_ALPACA,
    factors={"method": METHODS},
    presets=("auto-evol",),
    settings=AUTO_EVOL | TRAINED_ALONE,
    by_data={
        "sharegpt": tuned(SMALL_CHAT_BASE) | answering("mt_bench"),
        "gsm8k": tuned(SMALL_CHAT_BASE) | answering("gsm8k"),
        "code_alpaca": tuned(SMALL_CODE_BASE) | answering("human_eval") | CODE_TUNING,
        "": tuned(SMALL_CHAT_BASE) | answering("mt_bench", "gsm8k", "human_eval"),
    },
    views=(
        score_table("Scores of the small base", ("method",), as_published((("gsm8k", "GSM8K"),), PUBLISHED)),
        Table(
            "Rows kept, and lost in evolution",
            ROWS,
            rows=("data", "method"),
            columns=(),
            cells={
                "rows": pl.col("reason").is_null().sum(),
                "lost, %": LOST,
                "words": pl.col("words").mean(),
            },
            prepare=evolved,
            digits=1,
        ),
    ),
    dry=DRY_TUNING | {"seed.rows": "60"},
    dry_levels={"method": ("Evol-Instruct", "e0", "weak e0, optimized")},
    note="Of these figures those of GSM8K alone are known in numbers.",
)

if __name__ == "__main__":
    run(RECIPE)
