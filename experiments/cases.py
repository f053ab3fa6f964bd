"""What do small and large evolvers make of the same row? Cases of two operations (arXiv:2412.11231)."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from experiments.recipe import Cases, Recipe, run
from experiments.recipe.measures import EVOLVED
from experiments.recipe.papers import ALPACA, EVOLVERS, GSM8K, ONE_ROUND, SMALL_EVOLVERS


def of(operation: str) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Take the rows that an operation made."""
    return lambda frame: frame.filter(operation=operation)


RECIPE = Recipe(
    title="Cases of small and large evolvers",
    source="arXiv:2412.11231, Figures 8 and 9",
    data=ALPACA | GSM8K,
    factors={"evolver": EVOLVERS},
    presets=("evol-instruct",),
    settings=SMALL_EVOLVERS | ONE_ROUND,
    views=(
        Cases("Adding constraints (Figure 8)", EVOLVED, "evolver", of("constraints")),
        Cases("Deepening (Figure 9)", EVOLVED, "evolver", of("deepening")),
    ),
    note="The paper picks a row of Alpaca for Figure 8 and one of GSM8K for Figure 9; here rows are drawn.",
)

if __name__ == "__main__":
    run(RECIPE)
