"""AutoIF by small and large models: constraints, functions and rows that are left (arXiv:2412.11231)."""

from __future__ import annotations

import polars as pl

from experiments.neighbour_distance import FARTHEST, binned
from experiments.recipe import Lines, Recipe, Table, run
from experiments.recipe.measures import COMPOSED, FUNNEL
from experiments.recipe.papers import EVOLVERS, MND, SHAREGPT, SMALL_EVOLVERS


def _of(step: str, count: str) -> pl.Expr:
    return pl.col(count).filter(step=step).sum()


RECIPE = Recipe(
    title="Instructions that code can check",
    source="arXiv:2412.11231, the data behind Table 3, and Figure 4",
    data=SHAREGPT,
    factors={"evolver": EVOLVERS},
    presets=("autoif-short",),
    settings=SMALL_EVOLVERS | MND,
    views=(
        Table(
            "From constraints to rows",
            FUNNEL,
            rows=("evolver",),
            columns=("data",),
            cells={
                "constraints": _of("augment", "out"),
                "functions": _of("verifiers", "out"),
                "cross-checked": _of("crosscheck", "passed"),
                "drawn": _of("crosscheck", "out"),
                "rows": _of("quality", "out"),
            },
            published={
                ("SLM", "sharegpt", "cross-checked"): 780,
                ("LLM", "sharegpt", "cross-checked"): 420,
                **{(evolver, "sharegpt", "drawn"): 420 for evolver in EVOLVERS},
                **{(evolver, "sharegpt", "rows"): 6_720 for evolver in EVOLVERS},
            },
            digits=0,
        ),
        Lines(
            "Rows by distance to the nearest other instruction (Figure 4)",
            COMPOSED,
            x="distance",
            y=pl.col("share").sum(),
            series=("evolver",),
            prepare=binned,
            last_edge=FARTHEST,
            y_title="share of instructions",
        ),
    ),
    dry={"autoif.augment.rounds": "2", "autoif.augment.count": "10", "autoif.crosscheck.constraints": "12"},
    note="Distances are squared, of instruction and input. Scores of tuned models come with evaluation. "
    "The seeds are 36 constraints of this project's own.",
)

if __name__ == "__main__":
    run(RECIPE)
