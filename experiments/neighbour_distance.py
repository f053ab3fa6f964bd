"""How far apart are evolved instructions? The distance to the nearest other one (arXiv:2412.11231)."""

from __future__ import annotations

import polars as pl

from experiments.recipe import Lines, Recipe, Table, run
from experiments.recipe.measures import DISTANCES, seed_once
from experiments.recipe.papers import (
    EVOLVERS,
    MND,
    SEEDS,
    SMALL_EVOLVERS,
)

WIDTH, FARTHEST = 0.01, 1.0
"""Of bins of the squared distance, as its authors draw them; theirs leave out what is farther."""


def binned(frame: pl.DataFrame) -> pl.DataFrame:
    """Turn distances into the share of each bin among all with the same labels; the last bin is open."""
    labels = [name for name in frame.columns if name not in ("id", "round", "distance")]
    bins = round(FARTHEST / WIDTH)
    place = (pl.col("distance") / WIDTH).floor().clip(0, bins - 1)
    counted = frame.group_by(*labels, distance=(place * WIDTH).round(2), maintain_order=True).len()
    every = (
        frame.select(labels)
        .unique(maintain_order=True)
        .join(pl.DataFrame({"distance": [round(number * WIDTH, 2) for number in range(bins)]}), how="cross")
    )
    found = every.join(counted, on=[*labels, "distance"], how="left", maintain_order="left")
    rows = pl.col("len").fill_null(0)
    return found.with_columns(share=rows / rows.sum().over(labels))


RECIPE = Recipe(
    title="Distance to the nearest instruction",
    source="arXiv:2412.11231, Figure 4",
    data=SEEDS,
    factors={"evolver": EVOLVERS},
    presets=("evol-instruct",),
    settings=SMALL_EVOLVERS | MND,
    views=(
        Lines(
            "Instructions of all rounds by distance to the nearest other one (Figure 4)",
            DISTANCES,
            x="distance",
            y=pl.col("share").sum(),
            series=("evolver",),
            prepare=binned,
            last_edge=FARTHEST,
            y_title="share of instructions",
        ),
        Table(
            "Mean distance of each round",
            DISTANCES,
            rows=("round", "evolver"),
            columns=("data",),
            cells={"distance": pl.col("distance").mean()},
            prepare=seed_once("evolver"),
            digits=3,
        ),
    ),
    note="The paper's are of AutoIF, for which `verified_instructions` is; these are of Evol-Instruct. "
    "Distances are squared, of instruction and input; equal rows are at 0.",
)

if __name__ == "__main__":
    run(RECIPE)
