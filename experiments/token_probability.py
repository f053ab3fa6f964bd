"""How sure is the evolver of its words? The distribution of its top-1 probabilities (arXiv:2412.11231)."""

from __future__ import annotations

import polars as pl

from experiments.recipe import Lines, Recipe, Table, run
from experiments.recipe.measures import PROBABILITIES
from experiments.recipe.papers import ALPACA, CODE_ALPACA, EVOLVERS, GSM8K, SMALL_EVOLVERS

SURE = 0.9


def shares(frame: pl.DataFrame) -> pl.DataFrame:
    """Turn counts of positions into shares of all positions with the same labels."""
    labels = [name for name in frame.columns if name not in ("round", "probability", "positions")]
    return frame.with_columns(share=pl.col("positions") / pl.col("positions").sum().over(labels))


DISTRIBUTION = Lines(
    "Output positions of the evolver by top-1 probability, all rounds (Figure 5)",
    PROBABILITIES,
    x="probability",
    y=pl.col("share").sum(),
    series=("evolver",),
    prepare=shares,
    last_edge=1.0,
    y_title="share of positions",
)
SURE_SHARES = Table(
    f"Share of positions whose top-1 probability is at least {SURE}",
    PROBABILITIES,
    rows=("round", "evolver"),
    columns=("data",),
    cells={
        "share": pl.col("positions").filter(pl.col("probability") >= SURE).sum() / pl.col("positions").sum()
    },
    digits=3,
)

RECIPE = Recipe(
    title="Token probability of evolvers",
    source="arXiv:2412.11231, Figure 5",
    data=ALPACA | GSM8K | CODE_ALPACA,
    factors={"evolver": EVOLVERS},
    presets=("evol-instruct",),
    settings=SMALL_EVOLVERS | {"evolve.token_probability": "true"},
    views=(DISTRIBUTION, SURE_SHARES),
    note="Every output position counts. Needs an engine that gives log probabilities.",
)

if __name__ == "__main__":
    run(RECIPE)
