"""Gather the figures of all rounds and pools into one metrics file per topic, and tables to plot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.stage import Out, run

if TYPE_CHECKING:
    from evobuild.params import Params


def main(
    params: Params,
    counts: Path,
    ratings: Path,
    scores: Path,
    rows: Out,
    difficulty: Out,
    score_means: Out,
    levels: Out,
    histogram: Out,
) -> None:
    from evobuild import summary, tables

    pools, rounds = list(params.pools), list(params.rounds)
    tables.write_json(rows, summary.row_counts(counts, rounds, pools))
    tables.write_json(difficulty, summary.difficulty_means(ratings, pools))
    tables.write_json(score_means, summary.score_means(scores, pools))
    tables.write_csv(levels, summary.level_counts(ratings, pools))
    tables.write_csv(histogram, summary.score_histogram(scores, pools))


if __name__ == "__main__":
    run(main, reads=("rounds", "pools"))
