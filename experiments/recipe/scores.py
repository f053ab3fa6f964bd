"""Scores of tuned models on benchmarks, laid out and named as the tables of the papers have them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import polars as pl

from experiments.recipe.measures import BENCHMARKS
from experiments.recipe.papers import TITLES
from experiments.recipe.views import Table

HEADLINE = ""
"""Name of the main metric of a benchmark."""
SCORES = {
    ("ifeval", "prompt_strict"): "IFEval Pr.(S)",
    ("ifeval", "instruction_strict"): "IFEval In.(S)",
    ("ifeval", "prompt_loose"): "IFEval Pr.(L)",
    ("ifeval", "instruction_loose"): "IFEval In.(L)",
    **{("followbench", f"hsr/{level}"): f"FollowBench {level}" for level in range(1, 6)},
    ("followbench", "hsr"): "FollowBench",
    ("ceval", HEADLINE): "C-Eval",
    ("mmlu", HEADLINE): "MMLU",
    ("mt_bench", HEADLINE): "MT-Bench",
    ("alpaca_eval", "win_rate"): "AlpacaEval",
    ("gsm8k", HEADLINE): "GSM8K",
    ("math", HEADLINE): "MATH",
    ("human_eval", HEADLINE): "HumanEval",
    ("mbpp", HEADLINE): "MBPP",
    ("held_out", HEADLINE): "held-out loss",
}
"""Columns of the papers' tables, in order, by benchmark and figure."""
AS_IT_IS = ("mt_bench", "held_out")
"""Benchmarks whose figures are no shares: those of all others are shown in percent."""

EVOLVER_SCORES = (
    *(("alpaca", f"IFEval {figure}") for figure in ("Pr.(S)", "In.(S)", "Pr.(L)", "In.(L)")),
    ("gsm8k", "GSM8K"),
    ("gsm8k", "MATH"),
    ("code_alpaca", "HumanEval"),
    ("code_alpaca", "MBPP"),
)
"""Columns of arXiv:2412.11231, Tables 1, 2, 4 and 9 to 11: what is tuned on, and what is answered."""

Figures = Mapping[tuple[str, ...], Sequence[float]]
"""Rows of a paper's table by their labels."""
Published = dict[tuple[str, ...], float]


def scored(frame: pl.DataFrame) -> pl.DataFrame:
    """Take the figures of the papers' tables, in their units and order, from what BENCHMARKS reads.

    Adds student, what the base is called, and score, what the column is called.
    """
    keys = list(SCORES)
    named = pl.DataFrame(
        {
            "benchmark": [benchmark for benchmark, _ in keys],
            "figure": [figure for _, figure in keys],
            "score": list(SCORES.values()),
            "column": range(len(keys)),
        }
    )
    by_figure = frame.join(named, on=["benchmark", "figure"])
    stands = frame.filter("headline").drop("figure")
    headlines = stands.join(named.filter(figure=HEADLINE), on="benchmark").select(by_figure.columns)
    percent = pl.when(pl.col("benchmark").is_in(AS_IT_IS)).then(1).otherwise(100)
    ranks = {name: rank for rank, name in enumerate(TITLES)}
    return (
        pl.concat([by_figure, headlines])
        .with_columns(
            *(pl.col(name) * percent for name in ("value", "low", "high")),
            student=pl.col("model").replace(TITLES),
            row=pl.col("model").replace_strict(ranks, default=len(ranks), return_dtype=pl.Int64),
        )
        .sort("row", "column", maintain_order=True)
        .drop("row", "column")
    )


def score_table(
    title: str,
    rows: Sequence[str],
    published: Published | None = None,
    prepare: Callable[[pl.DataFrame], pl.DataFrame] = scored,
) -> Table:
    """A table of scores with their intervals: a row for each combination of labels, such as student."""
    return Table(
        title,
        BENCHMARKS,
        rows=rows,
        columns=("data", "score"),
        cells={"value": pl.col("value").mean()},
        interval=(pl.col("low").mean(), pl.col("high").mean()),
        prepare=prepare,
        published=published or {},
    )


def as_published(columns: Sequence[tuple[str, str]], rows: Figures) -> Published:
    """Name the figures of a paper's table. columns: data set and score."""
    return {
        (*labels, *column, "value"): value
        for labels, values in rows.items()
        for column, value in zip(columns, values, strict=True)
    }


def panels(frame: pl.DataFrame) -> pl.DataFrame:
    """Scores for a chart with a panel for each column of the paper's table."""
    return scored(frame).with_columns(data=pl.concat_str("data", "score", separator=": "))
