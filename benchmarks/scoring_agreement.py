"""How far scores of Alpaca agree in rank with those that two published procedures give.

    EVOBUILD_REAL_DATA=<folder> python benchmarks/scoring_agreement.py

The first 5,000 rows are scored with both tiny models, with the exact answers of the template `plain` and by
the compatibility modes. Published are what the script of IC-IFD's authors gives on rows 0 to 299 and
Superfiltering's on rows 0 to 499, both with stories260K. The agreement is Spearman's, on the rows that
both could score; the ratio is ours over theirs, the largest difference of it from 1 for the modes.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import polars as pl
from scoring import rows

from evobuild.core.tables import SCORES
from evobuild.core.uri import Weights
from evobuild.scoring.params import Score as ScoreParams
from evobuild.scoring.score import Score, Scorer

ROWS = 5000
MODELS = ("stories260K", "TinyStories-656K-np")


def scored(data: Path, model: str, template: str, count: int) -> pl.DataFrame:
    """Scores of Alpaca's first rows; row is the number in the file."""
    params = ScoreParams.model_validate(
        {"template": template, "dtype": "float32", "max_length": 512, "batch_tokens": 4096}
    )
    began = time.monotonic()
    with Scorer(Weights(str(data / "models" / model)), params) as scorer:
        found = list(scorer.score(rows(data, count, answered=False)))
    kept = [each for each in found if isinstance(each, Score)]
    lost = sorted({each.reason for each in found if not isinstance(each, Score)})
    seconds = time.monotonic() - began
    cut = sum(each.truncated for each in kept)
    print(
        f"{model}, {template}: {len(kept)} of {count} rows scored, {cut} cut, lost to {', '.join(lost)}; "
        f"{seconds:.0f} s",
        flush=True,
    )
    table = pl.DataFrame(kept, schema=SCORES, orient="row")
    return table.with_columns(pl.col("id").cast(pl.Int64).alias("row"))


def published(data: Path) -> dict[str, pl.DataFrame]:
    """Published scores by row, each in columns of our names."""
    authors = json.loads((data / "ifd/authors_script_stories260K_alpaca_0_299.json").read_text())
    lines = (data / "ifd/superfiltering_stories260K_alpaca_0_499.jsonl").read_text().splitlines()
    losses = [(n, each["loss"]) for n, line in enumerate(lines) if (each := json.loads(line))]
    return {
        "authors": pl.DataFrame(
            [(each["row"], each["ifd"], each["ic_ifd"]) for each in authors if each.get("ifd") is not None],
            {"row": pl.Int64, "ifd": pl.Float64, "ic_ifd": pl.Float64},
            orient="row",
        ).filter(pl.col("ifd").is_finite()),
        "superfiltering": pl.DataFrame(
            [(n, loss[3] / loss[1]) for n, loss in losses], {"row": pl.Int64, "ifd": pl.Float64}, orient="row"
        ),
    }


def agreement(ours: pl.DataFrame, theirs: pl.DataFrame, measure: str) -> str:
    """Spearman's rank correlation, and how far the ratio of the two strays."""
    both = ours.join(theirs, on="row", suffix="_theirs")
    ratio = (both[measure] / both[f"{measure}_theirs"] - 1).abs()
    rank = both.select(pl.corr(measure, f"{measure}_theirs", method="spearman")).item()
    return (
        f"{both.height} rows, Spearman {rank:.4f}, ratio off by {ratio.mean():.1e}, at most {ratio.max():.1e}"
    )


def main(data: Path) -> None:
    """Print all agreements."""
    wanted = published(data)
    plain = {model: scored(data, model, "plain", ROWS) for model in MODELS}
    modes = {name: scored(data, MODELS[0], name, 500) for name in wanted}
    for name, theirs in wanted.items():
        for measure in theirs.columns[1:]:
            print(f"{measure} by {name}, mode {name}: {agreement(modes[name], theirs, measure)}")
            for model, ours in plain.items():
                print(f"{measure} by {name}, plain, {model}: {agreement(ours, theirs, measure)}")
    for measure in ("ifd", "ic_ifd"):
        between = agreement(plain[MODELS[0]], plain[MODELS[1]], measure)
        print(f"{measure}, plain, {MODELS[0]} against {MODELS[1]}: {between}")


if __name__ == "__main__":
    if not (folder := os.environ.get("EVOBUILD_REAL_DATA")):
        sys.exit("EVOBUILD_REAL_DATA names no folder of public data")
    with tempfile.TemporaryDirectory() as own:
        os.environ["EVOBUILD_STORE"] = f"{own}/replies.sqlite"
        main(Path(folder))
