"""What does a data set cost? Calls and tokens of each strategy (arXiv:2406.00770)."""

from __future__ import annotations

import polars as pl

from experiments.recipe import Recipe, Table, run
from experiments.recipe.measures import USAGE
from experiments.recipe.papers import AUTO_EVOL, CODE_ALPACA, GSM8K, SHAREGPT

STRATEGIES = {
    "Evol-Instruct": {"evolve.strategy": "evol"},
    "Auto Evol-Instruct, e0": {"evolve.strategy": "auto", "evolve.method": "e0"},
    "Auto Evol-Instruct": {"evolve.strategy": "auto", "evolve.method": "optimized"},
}
TASKS = ("optimize", "evolve", "respond")

RECIPE = Recipe(
    title="Cost",
    source="arXiv:2406.00770, Table 11",
    data=SHAREGPT | GSM8K | CODE_ALPACA,
    factors={"strategy": STRATEGIES},
    presets=("auto-evol",),
    settings=AUTO_EVOL,
    views=(
        Table(
            "Calls and tokens",
            USAGE,
            rows=("data", "strategy"),
            columns=(),
            cells={f"calls, {task}": pl.col("calls").filter(task=task).sum() for task in TASKS}
            | {"calls": pl.col("calls").sum(), "tokens": pl.col("tokens").sum()},
            published={
                ("sharegpt", "Evol-Instruct", "calls"): 100_000,
                ("sharegpt", "Auto Evol-Instruct", "calls"): 106_120,
                ("gsm8k", "Evol-Instruct", "calls"): 14_000,
                ("gsm8k", "Auto Evol-Instruct", "calls"): 20_120,
                ("code_alpaca", "Evol-Instruct", "calls"): 40_000,
                ("code_alpaca", "Auto Evol-Instruct", "calls"): 46_120,
            },
        ),
    ),
    dry={"seed.rows": "60"},
    note="The paper estimates its calls: two a row, and five rows a conversation of ShareGPT. Calls that the "
    "reply store answered count as well. `--plan` bounds them before anything is asked.",
)

if __name__ == "__main__":
    run(RECIPE)
