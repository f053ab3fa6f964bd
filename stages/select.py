"""Choose the rows that make the data set."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from evobuild.core.measures import measure_folders
from evobuild.core.stage import Folders, Out, out, run
from evobuild.selection.params import SelectParams


@dataclass(frozen=True, kw_only=True)
class Arguments:
    rounds: Path = Path("data/rounds")
    responses: Path = Path("data/responses")
    embeddings: Path = Path("data/embeddings")
    contamination: Path = Path("data/contamination")
    measures: Folders = field(default_factory=measure_folders)
    dataset: Out = out("data/dataset.parquet")
    rejects: Out = out("data/rejects/select.parquet")
    counts: Out = out("data/counts/select.json")


def main(params: SelectParams, args: Arguments) -> None:
    from evobuild.core import tables
    from evobuild.selection import select
    from evobuild.selection.candidate_rows import Sources

    sources = Sources(args.rounds, args.responses, args.measures, args.embeddings, args.contamination)
    kept, lost, rows_in = select.select_rows(params, sources)
    ledger = tables.ledger(rows_in, kept.height, lost)
    tables.refuse_empty(f"{rows_in} rows came in", ledger)
    tables.write(args.dataset, kept)
    tables.write(args.rejects, lost)
    tables.write_json(args.counts, ledger)


if __name__ == "__main__":
    run(main)
