"""Choose the rows that make the data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.core.stage import Out, log, run

if TYPE_CHECKING:
    from evobuild.core.params import Params


def main(
    params: Params,
    rounds: Path,
    responses: Path,
    scores: Path,
    ratings: Path,
    diversity: Path,
    rewards: Path,
    tags: Path,
    embeddings: Path,
    contamination: Path,
    dataset: Out,
    rejects: Out,
    counts: Out,
) -> None:
    from evobuild.core import tables
    from evobuild.selection import select
    from evobuild.selection.candidate_rows import Sources

    folders = rounds, responses, scores, ratings, diversity, rewards, tags, embeddings, contamination
    kept, lost, rows_in = select.select_rows(params, Sources(*folders))
    ledger = tables.ledger(rows_in, kept.height, lost)
    tables.refuse_empty(f"{rows_in} rows came in", ledger)
    tables.write(dataset, kept)
    tables.write(rejects, lost)
    tables.write_json(counts, ledger)
    log(f"kept {kept.height} of {rows_in} rows by {', '.join(params.select.by)}")


if __name__ == "__main__":
    run(main, reads=("random_seed", "pools", "select", "decontaminate.sets"))
