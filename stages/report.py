"""Write the report: one self-contained HTML page of what was made, lost, chosen and learnt."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.stage import Out, run

if TYPE_CHECKING:
    from evobuild.params import Params


def main(
    params: Params,
    rounds: Path,
    responses: Path,
    ratings: Path,
    scores: Path,
    rejects: Path,
    counts: Path,
    usage: Path,
    steps: Path,
    dataset: Path,
    curve: Path,
    evaluation: Path,
    page: Out,
    totals: Out,
) -> None:
    from evobuild import report, summary, tables

    sources = report.Sources(
        rounds, responses, ratings, scores, rejects, counts, usage, steps, dataset, curve, evaluation
    )
    page.write_text(report.page(params, sources), encoding="utf-8")
    tables.write_json(totals, summary.usage_by_role(usage, list(params.rounds), list(params.pools)))


if __name__ == "__main__":
    run(main, reads=None)
