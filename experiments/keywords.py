"""How many different methods do evolvers think of? Distinct keywords of their replies (arXiv:2412.11231)."""

from __future__ import annotations

import polars as pl

from experiments.recipe import Recipe, Table, run
from experiments.recipe.measures import KEYWORDS
from experiments.recipe.papers import (
    EVOLVERS,
    SEEDS,
    SMALL_EVOLVERS,
)

COUNTS = Table(
    "Methods in the evolver's replies, and distinct keywords for them",
    KEYWORDS,
    rows=("evolver",),
    columns=("data",),
    cells={name: pl.col(name).sum() for name in ("replies", "methods", "distinct", "as_published")},
)

RECIPE = Recipe(
    title="Keywords of evolving methods",
    source="arXiv:2412.11231, section 4",
    data=SEEDS,
    factors={"evolver": EVOLVERS},
    presets=("auto-evol-e0",),
    settings=SMALL_EVOLVERS | {"keywords.rows": "1000"},
    views=(COUNTS,),
    dry={"keywords.rows": "12"},
    note="As many replies are read of each evolver; keywords.rows says how many of each round. `distinct` "
    "counts phrases in a normal form, `as_published` phrases as the judge worded them.",
)

if __name__ == "__main__":
    run(RECIPE)
