"""Choose the rows that make the data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evobuild.core.declaration import Out, Stage, out
from evobuild.core.stage import run_stage
from evobuild.process.terminal import log
from evobuild.selection.params import SelectParams


@dataclass(frozen=True, kw_only=True)
class Arguments:
    rounds: Path = Path("data/rounds")
    responses: Path = Path("data/responses")
    embeddings: Path = Path("data/embeddings")
    contamination: Path = Path("data/contamination")
    measures: Path = Path("data/measures")
    dataset: Out = out("data/dataset.parquet")
    rejects: Out = out("data/rejects/select.parquet", push=False)
    counts: Out = out("data/counts/select.json", push=False)


STAGE = Stage(
    desc="Choose the rows that make the data set.",
    after="decontaminate",
    libraries=("numpy", "py3langid", "rensa"),
)


def main(params: SelectParams, args: Arguments) -> None:
    from evobuild.core.rejects import balance, refuse_empty
    from evobuild.core.results import Results
    from evobuild.selection import select
    from evobuild.selection.candidate_rows import Sources, dataset_schema

    sources = Sources(args.rounds, args.responses, args.measures, args.embeddings, args.contamination)
    results = Results(dataset_schema(), out=args.dataset, rejects=args.rejects)
    found = select.select_rows(params, sources, results)
    if not found.rows_in:
        refuse_empty("0 rows came in", balance(0, 0, {}))
    unknown = _unknown(params.select.exclude, found.unknown)
    # Which pool gives most is seen in the report without it.
    results.write(found.rows_in, args.counts, warnings=[*found.reversed, *unknown])
    for warning in (*found.reversed, *found.dominant, *unknown):
        log(f"warning: {warning}")


def _unknown(file: str | None, ids: list[str]) -> list[str]:
    return [f"select.exclude: {len(ids)} ids of {file} are of no row, such as {ids[0]}"] if ids else []


if __name__ == "__main__":
    run_stage(main)
