"""Which rows does each metric keep, and what is learnt from a quarter of them? (arXiv:2412.11231)"""

from __future__ import annotations

import polars as pl

from experiments.recipe import Recipe, Table, run
from experiments.recipe.measures import ALL, CUTS, once
from experiments.recipe.papers import (
    ALPACA,
    DRY_TUNING,
    EVERY_ROW,
    LLAMA_SMALL,
    SMALL_EVOLVERS,
    bases,
    last_round,
)
from experiments.recipe.scores import EVOLVER_SCORES, Figures, as_published, score_table
from experiments.recipe.tuning import answering, tuned

IFEVAL = EVOLVER_SCORES[:4]
SHARE = "0.25"
CUT = {
    metric: {"select.by": metric, "select.share": SHARE}
    for metric in ("length", "perplexity", "ifd", "ic_ifd")
}
PUBLISHED: Figures = {
    (ALL,): (33.09, 44.72, 36.41, 48.32),
    ("length",): (29.94, 39.69, 33.83, 43.53),
    ("perplexity",): (27.91, 39.69, 32.35, 44.36),
    ("ifd",): (30.87, 43.53, 36.04, 47.60),
    ("ic_ifd",): (34.01, 46.16, 38.82, 50.72),
}
"""Table 5."""
DATA = (
    SMALL_EVOLVERS
    | last_round(3)
    | answering("ifeval")
    | {"models.evolver": LLAMA_SMALL, "models.embedder": "null"}
)
"""Round 3 of the small evolver, scored."""

RECIPE = Recipe(
    title="What each metric keeps",
    source="arXiv:2412.11231, Table 5, and the data behind it and Figures 6 and 7",
    data=ALPACA,
    factors={"cut": {ALL: EVERY_ROW, **CUT}},
    presets=("ic-ifd",),
    settings=DATA | tuned(bases("Llama-3-8B")),
    views=(
        score_table("IFEval of Llama-3-8B (Table 5)", ("cut",), as_published(IFEVAL, PUBLISHED)),
        Table(
            "Rows that each metric keeps of the last round",
            CUTS,
            rows=("share", "metric"),
            columns=("data",),
            cells={
                "rows": pl.len(),
                "of IC-IFD's (%)": pl.col("shared").mean() * 100,
                "words": pl.col("words").mean(),
                "difficulty": pl.col("difficulty").mean(),
                "IC-IFD (%)": pl.col("ic_ifd").mean() * 100,
            },
            prepare=once("cut"),
        ),
    ),
    dry=DRY_TUNING,
    dry_levels={"cut": (ALL, "ifd", "ic_ifd")},
    note="A quarter is kept of round 3 of the small evolver; other shares are in `selected_shares`. "
    "The scorer is Llama-3.2-3B, as in the authors' scripts.",
)

if __name__ == "__main__":
    run(RECIPE)
