"""Gather the figures of all rounds and pools into one metrics file per topic, and tables to plot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.core.stage import Out, run

if TYPE_CHECKING:
    from evobuild.core.params import Params


def main(
    params: Params,
    counts: Path,
    ratings: Path,
    scores: Path,
    rounds: Path,
    failures: Path,
    rejects: Path,
    replies: Path,
    rows: Out,
    difficulty: Out,
    score_means: Out,
    levels: Out,
    histogram: Out,
    evolution: Out,
    reasons: Out,
    token_probability: Out,
    probability_bins: Out,
    contamination: Out,
    branches: Out,
    funnel: Out,
) -> None:
    from evobuild.core import branches as steps
    from evobuild.core import tables
    from evobuild.evolution import token_probability as probability
    from evobuild.reporting import failure_counts, summarize

    pools, names = list(params.pools), list(params.rounds)
    tables.write_json(rows, summarize.row_counts(counts, names, pools, list(params.branches)))
    tables.write_json(difficulty, summarize.difficulty(ratings, counts, pools))
    tables.write_json(score_means, summarize.score_means(scores, pools))
    tables.write_csv(levels, summarize.level_counts(ratings, pools))
    tables.write_csv(histogram, summarize.score_histogram(scores, pools))
    failed = failure_counts.count(rounds, failures, rejects, names, pools)
    tables.write_json(evolution, failure_counts.figures(failed, counts, names, pools))
    failed.write_csv(reasons)
    found = probability.read_token_probabilities(names, replies=replies, rounds=rounds)
    tables.write_json(token_probability, probability.probability_figures(found, names))
    probability.probability_histogram(found).write_csv(probability_bins)
    tables.write_json(contamination, summarize.contaminated(counts, list(params.decontaminate.sets), pools))
    kept = steps.read(counts, list(params.branches))
    tables.write_json(branches, steps.figures(kept))
    tables.write_csv(funnel, steps.lines(kept))


if __name__ == "__main__":
    run(main, reads=("rounds", "branches", "pools", "decontaminate.sets"))
