"""How little of Alpaca is enough? IC-IFD's best rows against IFD's and against all (arXiv:2412.11231)."""

from __future__ import annotations

import polars as pl

from evobuild.evaluation.pairwise import OUTCOMES
from experiments.recipe import Bars, Recipe, Table, run
from experiments.recipe.comparisons import Comparison
from experiments.recipe.measures import ALL
from experiments.recipe.papers import (
    ALPACA,
    DRY_TUNING,
    EVERY_ROW,
    PAIR_JUDGE,
    SEED_ALONE,
    SMALL_EVOLVERS,
    TITLES,
    bases,
)
from experiments.recipe.tuning import answering, tuned

SHARES = {"5": "0.05", "10": "0.1", "15": "0.15"}
"""In percent of the rows."""
CUTS = {
    f"{metric} {percent}": {"select.by": metric, "select.share": share}
    for metric in ("ifd", "ic_ifd")
    for percent, share in SHARES.items()
}
BESIDE = {f"ic_ifd {percent}": (f"ifd {percent}", ALL) for percent in SHARES}
VERDICTS = Comparison("cut", BESIDE)
FIGURE_6 = {
    ("Llama-3-8B", "5"): (421, 57, 327),
    ("Llama-3-8B", "10"): (445, 50, 310),
    ("Llama-3-8B", "15"): (434, 76, 295),
    ("Llama-3.2-3B", "5"): (412, 55, 338),
    ("Llama-3.2-3B", "10"): (428, 58, 319),
    ("Llama-3.2-3B", "15"): (435, 58, 312),
}
"""Prompts of 805 on which IC-IFD's rows win, tie and lose against IFD's, by the authors' plot_win.py."""
LABELS = ("student", "percent", "beside")


def named(frame: pl.DataFrame) -> pl.DataFrame:
    """Name students, shares and what they are set beside as the figures do."""
    return frame.with_columns(
        student=pl.col("model").replace(TITLES),
        percent=pl.col("cut").str.split(" ").list.last(),
        beside=pl.col("beside").str.split(" ").list.first().replace({"ifd": "IFD", "all": ALL}),
    )


RECIPE = Recipe(
    title="Shares of the original data",
    source="arXiv:2412.11231, Figures 6 and 7",
    data=ALPACA,
    factors={"cut": {ALL: EVERY_ROW, **CUTS}},
    presets=("ic-ifd",),
    settings=SMALL_EVOLVERS
    | SEED_ALONE
    | PAIR_JUDGE
    | tuned(bases("Llama-3-8B", "Llama-3.2-3B"))
    | answering("prompts"),
    views=(
        Table(
            "Prompts on which IC-IFD's rows win, tie and lose (Figures 6 and 7)",
            VERDICTS,
            rows=LABELS,
            columns=("data",),
            cells={name: (pl.col("verdict") == name).sum() for name in OUTCOMES}
            | {"unread": pl.col("verdict").is_null().sum()},
            prepare=named,
            published={
                (*row, "IFD", "alpaca", name): count
                for row, counts in FIGURE_6.items()
                for name, count in zip(OUTCOMES, counts, strict=True)
            },
        ),
        Bars(
            "Win, tie and lose of IC-IFD's rows (Figures 6 and 7)",
            VERDICTS,
            bars=LABELS,
            part="verdict",
            order=OUTCOMES,
            prepare=lambda frame: named(frame.drop_nulls("verdict")),
            unit="prompts",
        ),
    ),
    dry=DRY_TUNING | {"seed.rows": "60"},
    dry_levels={"cut": (ALL, "ifd 15", "ic_ifd 15")},
    note="IC-IFD's best 5, 10 and 15 % of the seed's own rows are set beside as many of IFD's (Figure 6) and "
    "beside all (Figure 7), by a judge of 805 prompts in both orders; a win is a win in both. The counts of "
    "Figure 7 are not published. Judging takes 4 calls a prompt, student and share, after all experiments "
    "have finished; `--plan` does not count them.",
)

if __name__ == "__main__":
    run(RECIPE)
