"""Find the answered rows that share text with one evaluation set; selecting drops or keeps them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.frame.stage import Out, log, run

if TYPE_CHECKING:
    from evobuild.frame.params import Params


def main(params: Params, responses: Path, evaluation: Path, contamination: Out, counts: Out) -> None:
    from evobuild import evaluation_sets, overlaps
    from evobuild.contamination import Index
    from evobuild.frame import tables

    name = contamination.name.removeprefix(".").split(".")[0]
    questions = evaluation_sets.read(evaluation, params.decontaminate.columns.get(name, ()))
    index = Index({name: questions}, params.decontaminate.ngrams)
    found = {}
    for pool in params.pools:
        rows = tables.read(responses / f"{pool}.parquet", tables.INSTRUCTIONS)
        found[pool] = index.search(tables.instructions(rows))
    tables.write(contamination, overlaps.table(found))
    tables.write_json(counts, overlaps.ledger(found, len(questions)))
    hit = len({hit.row for each in found.values() for hit in each.hits})
    log(f"{hit} of {sum(each.rows for each in found.values())} rows share text with {name}")


if __name__ == "__main__":
    run(main, reads=("pools", "decontaminate.ngrams", "decontaminate.columns"))
