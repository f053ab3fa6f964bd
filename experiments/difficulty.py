"""Do small models evolve harder instructions? The difficulty of each round (arXiv:2412.11231)."""

from __future__ import annotations

import polars as pl

from evobuild.core.measures import LEVELS
from experiments.recipe import Bars, Recipe, Table, run
from experiments.recipe.measures import ROWS, seed_once
from experiments.recipe.papers import ALPACA, CODE_ALPACA, EVOLVERS, GSM8K, SMALL_EVOLVERS

DATA = ALPACA | GSM8K | CODE_ALPACA
PUBLISHED = {
    ("r0", "seed"): (27.63, 34.05, 26.01),
    ("r1", "LLM"): (52.89, 39.88, 46.75),
    ("r1", "SLM"): (66.35, 48.85, 58.86),
    ("r2", "LLM"): (68.16, 47.14, 65.02),
    ("r2", "SLM"): (77.62, 63.48, 73.37),
    ("r3", "LLM"): (75.73, 54.00, 72.85),
    ("r3", "SLM"): (82.44, 72.12, 79.19),
}

SCORES = Table(
    "Mean difficulty score, 0 to 100 (Table 13)",
    ROWS,
    rows=("round", "evolver"),
    columns=("data",),
    cells={"score": pl.col("score").mean()},
    prepare=seed_once("evolver"),
    published={
        (*row, data, "score"): value
        for row, values in PUBLISHED.items()
        for data, value in zip(DATA, values, strict=True)
    },
)
FIGURE_2 = {
    ("r1", "SLM", "alpaca"): (922, 3856, 30885, 12879, 3441),
    ("r1", "LLM", "alpaca"): (1055, 12782, 32988, 4740, 418),
    ("r2", "SLM", "alpaca"): (300, 774, 13308, 19032, 18569),
    ("r2", "LLM", "alpaca"): (193, 4098, 29721, 14274, 3697),
    ("r3", "SLM", "alpaca"): (77, 125, 4865, 12190, 34726),
    ("r3", "LLM", "alpaca"): (66, 1294, 19458, 19658, 11507),
    ("r1", "SLM", "gsm8k"): (42, 2201, 5177, 47, 6),
    ("r1", "LLM", "gsm8k"): (21, 3933, 3517, 1, 0),
    ("r2", "SLM", "gsm8k"): (10, 584, 6018, 778, 83),
    ("r2", "LLM", "gsm8k"): (7, 2526, 4926, 14, 0),
    ("r1", "SLM", "code_alpaca"): (132, 2593, 14642, 2429, 226),
    ("r1", "LLM", "code_alpaca"): (239, 6652, 12384, 723, 24),
    ("r2", "SLM", "code_alpaca"): (25, 385, 10429, 7312, 1871),
    ("r2", "LLM", "code_alpaca"): (20, 2050, 14554, 3214, 184),
    ("r3", "SLM", "code_alpaca"): (7, 61, 5165, 9098, 5691),
    ("r3", "LLM", "code_alpaca"): (2, 582, 11703, 6753, 982),
}
"""Rows of each of LEVELS, by the authors' plot_bar.py, whose third round of GSM8K repeats the first; its
first by the LLM lacks a row."""


def level_shares(frame: pl.DataFrame) -> pl.DataFrame:
    """Give the percentage of each level among the rows that have one, 0 where none has it."""
    labels = ["data", "round", "evolver"]
    rated = seed_once("evolver")(frame.drop_nulls("level"))
    pools = rated.group_by(labels, maintain_order=True).agg(of=pl.len())
    every = pools.join(pl.DataFrame({"level": LEVELS}), how="cross")
    counted = rated.group_by(*labels, "level").agg(rows=pl.len())
    found = every.join(counted, on=[*labels, "level"], how="left", maintain_order="left")
    return found.with_columns(percent=pl.col("rows").fill_null(0) / pl.col("of") * 100)


LEVELS_TABLE = Table(
    "Rows of each difficulty level, in percent (Figure 2)",
    ROWS,
    rows=("round", "evolver", "level"),
    columns=("data",),
    cells={"percent": pl.col("percent").first()},
    prepare=level_shares,
    published={
        (round_, evolver, level, data, "percent"): count / sum(counts) * 100
        for (round_, evolver, data), counts in FIGURE_2.items()
        for level, count in zip(LEVELS, counts, strict=True)
    },
    digits=1,
)
LEVEL_SHARES = Bars(
    "Share of each difficulty level (Figure 2)",
    ROWS,
    bars=("round", "evolver"),
    part="level",
    order=LEVELS,
    prepare=lambda frame: seed_once("evolver")(frame.drop_nulls("level")),
)

RECIPE = Recipe(
    title="Difficulty of evolved instructions",
    source="arXiv:2412.11231, Table 13 and Figure 2",
    data=DATA,
    factors={"evolver": EVOLVERS},
    presets=("evol-instruct",),
    settings=SMALL_EVOLVERS,
    views=(SCORES, LEVEL_SHARES, LEVELS_TABLE),
    note="The counts of the paper's Figure 2 have no third round of GSM8K.",
)

if __name__ == "__main__":
    run(RECIPE)
