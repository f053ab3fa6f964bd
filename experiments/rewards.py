"""How good are evolved instructions to a reward model? Its mean by round and evolver (arXiv:2412.11231)."""

from __future__ import annotations

import polars as pl

from experiments.recipe import Recipe, Table, run
from experiments.recipe.measures import REWARDED
from experiments.recipe.papers import ALPACA, CODE_ALPACA, EVOLVERS, GSM8K, SKYWORK_REWARD, SMALL_EVOLVERS

DATA = ALPACA | GSM8K | CODE_ALPACA
PUBLISHED = {
    ("r1", "LLM"): (1.54, 0.74, 1.10),
    ("r2", "LLM"): (1.68, 0.73, 1.19),
    ("r3", "LLM"): (1.56, 0.69, 1.14),
    ("r1", "SLM"): (1.59, 1.01, 1.23),
    ("r2", "SLM"): (1.54, 0.79, 0.96),
    ("r3", "SLM"): (1.42, 0.97, 1.03),
}

RECIPE = Recipe(
    title="Reward of evolved instructions",
    source="arXiv:2412.11231, Table 14",
    data=DATA,
    factors={"evolver": EVOLVERS},
    presets=("evol-instruct",),
    settings=SMALL_EVOLVERS | {"models.reward": SKYWORK_REWARD, "reward.dtype": "bfloat16"},
    views=(
        Table(
            "Mean reward (Table 14)",
            REWARDED,
            rows=("round", "evolver"),
            columns=("data",),
            cells={"reward": pl.col("reward").mean()},
            published={
                (*row, data, "reward"): value
                for row, values in PUBLISHED.items()
                for data, value in zip(DATA, values, strict=True)
            },
        ),
        Table(
            "Mean reward scaled by the tokens of the instruction, both ways that the authors' script knows",
            REWARDED,
            rows=("round", "evolver"),
            columns=("data",),
            cells={
                "per token": pl.col("scaled").mean(),
                "times tokens": (pl.col("reward") * pl.col("tokens")).mean() / pl.col("tokens").mean(),
            },
        ),
    ),
    note="The paper's reward model, InternLM-2-7B-Reward, needs code from the hub, which is never run; this "
    "is the other model of its script. Their scales differ: compare rows with the paper's, not figures. Per "
    "token is what the script does with this model, times tokens with the paper's. A dry run has none.",
)

if __name__ == "__main__":
    run(RECIPE)
