"""Choose the rows that make the data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.frame.stage import Out, log, run

if TYPE_CHECKING:
    from evobuild.frame.params import Params


def main(
    params: Params,
    responses: Path,
    scores: Path,
    ratings: Path,
    dataset: Out,
    rejects: Out,
    counts: Out,
) -> None:
    from evobuild import selection
    from evobuild.frame import tables

    names = list(params.pools) if params.select.pools == "all" else params.select.pools
    rows = selection.gather(names, responses, scores, ratings)
    kept, lost = selection.cut(rows, params.select, params.random_seed)
    ledger = tables.ledger(rows.height, kept.height, lost)
    tables.refuse_empty(f"{rows.height} rows came in", ledger)
    tables.write(dataset, kept)
    tables.write(rejects, lost)
    tables.write_json(counts, ledger)
    log(f"kept {kept.height} of {rows.height} rows by {params.select.metric}")


if __name__ == "__main__":
    run(main, reads=("random_seed", "pools", "select"))
