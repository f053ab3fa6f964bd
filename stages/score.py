"""Score every answered instruction of one pool with a language model: losses, IFD and IC-IFD."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.frame.stage import Out, run

if TYPE_CHECKING:
    from evobuild.frame.params import Params


def main(params: Params, responses: Path, scratch: Path, scores: Out, rejects: Out, counts: Out) -> None:
    from evobuild import scoring
    from evobuild.frame import tables

    rows = tables.read(responses, tables.INSTRUCTIONS)
    results = tables.Results(tables.SCORES)
    results.take(scoring.score(tables.instructions(rows), params.models.scorer, params.score))
    results.write(scores, rejects, counts, rows.height)


if __name__ == "__main__":
    run(main, reads=("score", "models.scorer"))
