"""Score the answered instructions of all pools with a language model: losses, IFD and IC-IFD."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.core.stage import Out, run

if TYPE_CHECKING:
    from evobuild.core.params import Params


def main(params: Params, responses: Path, scratch: Path, scores: Out, rejects: Out, counts: Out) -> None:
    from evobuild.core import tables
    from evobuild.core.pools import AllPools
    from evobuild.scoring.score import Scorer

    results = AllPools(tables.SCORES, scores)
    if params.models.scorer is None:
        for pool in params.pools:
            results.leave(pool)
    else:
        with Scorer(params.models.scorer, params.score) as scorer:
            for pool in params.pools:
                height, rows = tables.stream(responses / f"{pool}.parquet")
                results.take(pool, scorer.score(rows), height)
    results.write(rejects, counts)


if __name__ == "__main__":
    run(main, reads=("pools", "score", "models.scorer"))
