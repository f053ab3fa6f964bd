"""How sure is the evolver of its words? The distribution of its top-1 probabilities (arXiv:2412.11231)."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from evobuild.evolution.token_probability import FIRST
from experiments.recipe import Lines, Recipe, Table, run
from experiments.recipe.measures import PROBABILITIES
from experiments.recipe.papers import (
    EVOLVERS,
    ONE_ROUND,
    SEEDS,
    SMALL_EVOLVERS,
)

SURE = 0.9
FIRST_ROUND = "r1"


def shares(frame: pl.DataFrame) -> pl.DataFrame:
    """Turn counts of positions of the first round into shares of all positions with the same labels."""
    counted = ("round", "probability", "positions", "first_positions")
    labels = [name for name in frame.columns if name not in counted]
    return frame.filter(round=FIRST_ROUND).with_columns(
        (pl.col(name) / pl.col(name).sum().over(labels)).alias(share)
        for name, share in (("positions", "share"), ("first_positions", "first_share"))
    )


def sure_share(column: str) -> pl.Expr:
    """The share of positions at SURE or above."""
    return pl.col(column).filter(pl.col("probability") >= SURE).sum() / pl.col(column).sum()


DISTRIBUTION = Lines(
    "Output positions of the evolver by top-1 probability, first round (Figure 5)",
    PROBABILITIES,
    x="probability",
    y=pl.col("share").sum(),
    series=("evolver",),
    prepare=shares,
    last_edge=1.0,
    y_title="share of positions",
)
FIRST_TOKENS = replace(
    DISTRIBUTION,
    title=f"The first {FIRST} output positions of each reply by top-1 probability, first round",
    y=pl.col("first_share").sum(),
)
SURE_SHARES = Table(
    f"Share of positions whose top-1 probability is at least {SURE}",
    PROBABILITIES,
    rows=("round", "evolver"),
    columns=("data",),
    cells={"all": sure_share("positions"), f"first {FIRST}": sure_share("first_positions")},
    digits=3,
)

RECIPE = Recipe(
    title="Token probability of evolvers",
    source="arXiv:2412.11231, Figure 5",
    data=SEEDS,
    factors={"evolver": EVOLVERS},
    presets=("evol-instruct",),
    settings=SMALL_EVOLVERS | ONE_ROUND | {"evolve.token_probability": "true"},
    views=(DISTRIBUTION, FIRST_TOKENS, SURE_SHARES),
    note="The first reply about each row counts, also if its evolution failed. Needs an engine that gives "
    "log probabilities. The authors' script asks greedily by default: `-S evolve.temperature=0`.",
)

if __name__ == "__main__":
    run(RECIPE)
