"""Do more steps of optimization help? The method by step, and what is learnt from some (arXiv:2406.00770)."""

from __future__ import annotations

import polars as pl

from experiments.recipe import Lines, Recipe, Table, run
from experiments.recipe.measures import CURVE
from experiments.recipe.papers import AUTO_EVOL, DRY_TUNING, GSM8K, SMALL_CHAT_BASE, TRAINED_ALONE
from experiments.recipe.scores import score_table
from experiments.recipe.tuning import answering, tuned

STEPS = ("3", "6", "9", "12", "15")
RATES = {"development": "failure_rate", "holdout": "holdout_rate"}


def longest(frame: pl.DataFrame) -> pl.DataFrame:
    """Take the run of most steps, which passes through all that are shorter."""
    steps = pl.col("steps").cast(pl.Int64)
    return frame.filter(steps == steps.max())


def by_rows(frame: pl.DataFrame) -> pl.DataFrame:
    """Take the failure rates on the two sets of rows one below the other."""
    kept = longest(frame).rename({column: rows for rows, column in RATES.items()})
    others = [name for name in kept.columns if name not in RATES]
    return kept.unpivot(list(RATES), index=others, variable_name="rows", value_name="rate")


RECIPE = Recipe(
    title="Steps of optimization",
    source="arXiv:2406.00770, Figure 5 (b), and the failure rate",
    data=GSM8K,
    presets=("auto-evol",),
    factors={"steps": {value: {"optimize.steps": value} for value in STEPS}},
    settings=AUTO_EVOL
    | TRAINED_ALONE
    | tuned(SMALL_CHAT_BASE)
    | answering("gsm8k")
    | {
        "optimize.patience": "15",
        # With e(t-1) among the candidates the rate could not rise again.
        "optimize.incumbent": "false",
        "optimize.holdout": "50",
    },
    dry=DRY_TUNING | {"seed.rows": "149"},
    dry_levels={"steps": ("3", "6")},
    views=(
        score_table("Scores of Mistral-7B tuned on what the method after so many steps evolves", ("steps",)),
        Lines(
            "Failure rate λ of the method after each step",
            CURVE,
            x="step",
            y=pl.col("rate").mean(),
            series=("rows",),
            prepare=by_rows,
            y_title="failure rate λ",
        ),
        Table(
            "By step",
            CURVE,
            rows=("data", "step"),
            columns=(),
            cells={
                "λ, development": pl.col("failure_rate").mean(),
                "λ, holdout": pl.col("holdout_rate").mean(),
                "words": pl.col("words").max(),
            },
            prepare=longest,
            digits=3,
        ),
    ),
    note="The paper's performance falls fast after 12 steps; its points are in a drawing alone. A run of "
    "many passes through all that are shorter. The holdout's rows chose no method.",
)

if __name__ == "__main__":
    run(RECIPE)
