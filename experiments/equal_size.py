"""Small against large evolvers in Auto Evol-Instruct, at equal size (arXiv:2412.11231)."""

from __future__ import annotations

import polars as pl

from experiments.recipe import Recipe, Table, run
from experiments.recipe.measures import ROWS, evolved
from experiments.recipe.papers import ALPACA, CODE_ALPACA, EVOLVERS, GSM8K, SMALL_EVOLVERS
from experiments.recipe.views import equal_size

SEED = 42


def kept_equally(frame: pl.DataFrame) -> pl.DataFrame:
    """Draw as many of the rows that were kept from each evolver."""
    return equal_size(evolved(frame).filter(pl.col("reason").is_null()), "evolver", ("data",), SEED)


RECIPE = Recipe(
    title="Small and large evolvers at equal size",
    source="arXiv:2412.11231, the data behind Table 4",
    data=ALPACA | GSM8K | CODE_ALPACA,
    factors={"evolver": EVOLVERS},
    presets=("auto-evol-e0",),
    settings=SMALL_EVOLVERS,
    views=(
        Table(
            "Rows kept of those tried",
            ROWS,
            rows=("evolver",),
            columns=("data",),
            cells={"tried": pl.len(), "kept": pl.col("reason").is_null().sum()},
            prepare=evolved,
        ),
        Table(
            "Cut to equal size",
            ROWS,
            rows=("evolver",),
            columns=("data",),
            cells={"rows": pl.len(), "difficulty": pl.col("score").mean(), "words": pl.col("words").mean()},
            prepare=kept_equally,
            # The paper keeps as many of each evolver.
            published={
                (evolver, *key): rows
                for evolver in EVOLVERS
                for key, rows in {
                    ("alpaca", "rows"): 40_483,
                    ("gsm8k", "rows"): 6_200,
                    ("code_alpaca", "rows"): 15_533,
                }.items()
            },
        ),
    ),
)

if __name__ == "__main__":
    run(RECIPE)
