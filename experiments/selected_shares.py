"""How little data is enough? IC-IFD against IFD and against all rows, by share (arXiv:2412.11231)."""

from __future__ import annotations

import polars as pl

from experiments.metric_cuts import DATA
from experiments.recipe import Lines, Recipe, run
from experiments.recipe.measures import ALL, BENCHMARKS
from experiments.recipe.papers import ALPACA, DRY_TUNING, EVERY_ROW, bases
from experiments.recipe.scores import score_table, scored
from experiments.recipe.tuning import tuned

SHARES = {"5": "0.05", "10": "0.1", "15": "0.15"}
"""In percent, as Figures 6 and 7 have them."""
CUTS = {
    f"{metric} {percent}": {"select.by": metric, "select.share": share}
    for metric in ("ifd", "ic_ifd")
    for percent, share in SHARES.items()
}


def by_share(frame: pl.DataFrame) -> pl.DataFrame:
    """Give metric and percent of each cut, a panel for each student; all rows stand beside every share."""
    rows = scored(frame).filter(score="IFEval Pr.(S)").with_columns(data="student")
    parts = pl.col("cut").str.split_exact(" ", 1)
    named = parts.struct.rename_fields(["metric", "percent"])
    cut = rows.filter(pl.col("cut") != ALL).with_columns(named.alias("parts")).unnest("parts")
    every = rows.filter(cut=ALL).with_columns(metric=pl.lit(ALL))
    return pl.concat([cut, every.join(cut.select("percent").unique(), how="cross")], how="diagonal")


RECIPE = Recipe(
    title="Shares of the data",
    source="arXiv:2412.11231, Figures 6 and 7",
    data=ALPACA,
    factors={"cut": {ALL: EVERY_ROW, **CUTS}},
    presets=("ic-ifd",),
    settings=DATA | tuned(bases("Llama-3.2-3B", "Llama-3-8B")) | {"rate.measures": "[]"},
    views=(
        score_table("IFEval by cut, in percent of the rows", ("student", "cut")),
        Lines(
            "IFEval, prompts by strict rules, by percent of the rows (Figures 6 and 7)",
            BENCHMARKS,
            x="percent",
            y=pl.col("value").mean(),
            y_title="score",
            series=("metric",),
            prepare=by_share,
        ),
    ),
    dry=DRY_TUNING | {"seed.rows": "60"},
    dry_levels={"cut": (ALL, "ifd 15", "ic_ifd 15")},
    note="Figure 6 sets IC-IFD beside IFD, Figure 7 beside all rows.",
)

if __name__ == "__main__":
    run(RECIPE)
