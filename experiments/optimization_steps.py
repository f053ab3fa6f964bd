"""Do more steps of optimization help? Failure rate and length of the method by step (arXiv:2406.00770)."""

from __future__ import annotations

import polars as pl

from experiments.recipe import Lines, Recipe, Table, run
from experiments.recipe.measures import CURVE
from experiments.recipe.papers import AUTO_EVOL, GSM8K

RATES = {"development": "failure_rate", "holdout": "holdout_rate"}


def by_rows(frame: pl.DataFrame) -> pl.DataFrame:
    """Take the failure rates on the two sets of rows one below the other."""
    kept = frame.rename({column: rows for rows, column in RATES.items()})
    others = [name for name in kept.columns if name not in RATES]
    return kept.unpivot(list(RATES), index=others, variable_name="rows", value_name="rate")


RECIPE = Recipe(
    title="Steps of optimization",
    source="arXiv:2406.00770, Figure 5 (steps), on the failure rate",
    data=GSM8K,
    presets=("auto-evol",),
    settings=AUTO_EVOL
    | {
        "optimize.steps": "16",
        "optimize.patience": "16",
        # With e(t-1) among the candidates the rate could not rise again.
        "optimize.incumbent": "false",
        "optimize.holdout": "50",
    },
    dry={"seed.rows": "149", "optimize.steps": "6"},
    views=(
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
            digits=3,
        ),
    ),
    note="One run of many steps passes through all shorter ones. The holdout's rows chose no method.",
)

if __name__ == "__main__":
    run(RECIPE)
