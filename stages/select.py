"""Choose the rows that make the data set."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from evobuild.core.measures import measure_folders
from evobuild.core.stage import Folders, Out, out, run
from evobuild.core.terminal import log
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
    found = select.select_rows(params, sources)
    ledger = tables.ledger(found.rows_in, found.kept.height, found.rejects)
    tables.refuse_empty(f"{found.rows_in} rows came in", ledger)
    unknown = _unknown(params.select.exclude, found.unknown)
    for warning in (*found.reversed, *found.dominant, *unknown):
        log(f"warning: {warning}")
    tables.write(args.dataset, found.kept)
    tables.write(args.rejects, found.rejects)
    # Which pool gives most is seen in the report without it.
    tables.write_json(args.counts, ledger | {"warnings": [*found.reversed, *unknown]})


def _unknown(file: str | None, ids: list[str]) -> list[str]:
    return [f"select.exclude: {len(ids)} ids of {file} are of no row, such as {ids[0]}"] if ids else []


if __name__ == "__main__":
    run(main)
