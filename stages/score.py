"""Score the answered instructions of all pools with a language model: losses, IFD and IC-IFD."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.frame.stage import Out, run

if TYPE_CHECKING:
    from evobuild.frame.params import Params


def main(params: Params, responses: Path, scratch: Path, scores: Out, rejects: Out, counts: Out) -> None:
    from evobuild import scoring
    from evobuild.frame import tables
    from evobuild.pools import AllPools

    results = AllPools(tables.SCORES, scores)
    for pool in params.pools:
        rows = tables.read(responses / f"{pool}.parquet", tables.INSTRUCTIONS)
        found = scoring.score(tables.instructions(rows), params.models.scorer, params.score)
        results.take(pool, found, rows.height)
    results.write(rejects, counts)


if __name__ == "__main__":
    run(main, reads=("pools", "score", "models.scorer"))
