"""Write the report, one self-contained HTML page, and beside it the explorer of all rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.core.stage import Out, run

if TYPE_CHECKING:
    from evobuild.core.params import Params


def main(
    params: Params,
    rounds: Path,
    responses: Path,
    ratings: Path,
    scores: Path,
    rejects: Path,
    failures: Path,
    counts: Path,
    contamination: Path,
    usage: Path,
    optimization: Path,
    tallies: Path,
    keywords: Path,
    token_probability: Path,
    dataset: Path,
    curve: Path,
    evaluation: Path,
    diversity: Path,
    rewards: Path,
    tags: Path,
    page: Out,
    explorer: Out,
    totals: Out,
) -> None:
    from evobuild.core import tables
    from evobuild.reporting import explorer as explored
    from evobuild.reporting import outcomes, report, stage_counts, summarize

    measured = (responses, ratings, scores, diversity, rewards, tags, contamination)
    rows = outcomes.Tables(rounds, *measured, rejects, failures, dataset)
    figures = (
        counts,
        usage,
        optimization,
        tallies,
        keywords,
        token_probability,
        curve,
        evaluation,
    )
    page.write_text(report.page(params, report.Sources(rows, *figures)), encoding="utf-8")
    explored.write(explorer, params, rows)
    names = [stage_counts.stem(*each) for each in stage_counts.asking(params)]
    tables.write_json(totals, summarize.usage_by_role(usage, names))


if __name__ == "__main__":
    run(main, reads=None)
