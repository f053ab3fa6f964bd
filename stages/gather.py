"""Gather what is trained on: the data set, the answered rows of a pool, or a branch's pairs of answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evobuild.core.declaration import Out, Stage, out
from evobuild.core.params import Name, StageParams, WritesTables
from evobuild.core.stage import run_stage
from evobuild.training.params import Method


class Finetune(StageParams):
    data: Name
    method: Method


class Params(WritesTables):
    finetune: Finetune


@dataclass(frozen=True, kw_only=True)
class Arguments:
    dataset: Path = Path("data/dataset.parquet")
    responses: Path = Path("data/responses")
    preferences: Path = Path("data/preferences")
    training: Out = out("data/training.parquet", push=False)
    # In a folder that other stages depend on whole, which so is there even if no base is tuned.
    about: Out = out("models/tuned/data.json")
    counts: Out = out("data/downstream/counts/gather.json", push=False)


STAGE = Stage(
    desc="Gather what is trained on.",
    after="export",
    waits_for=("data/validation/tables.json",),
)


def main(params: Params, args: Arguments) -> None:
    from evobuild.core.json_files import write_json
    from evobuild.core.rejects import balance
    from evobuild.training.gather import Sources, gather_rows

    given = params.finetune
    sources = Sources(args.dataset, args.responses, args.preferences)
    rows = gather_rows(given.data, given.method, sources, args.training)
    write_json(args.about, {"data": given.data, "method": given.method, "rows": rows})
    write_json(args.counts, balance(rows, rows, {}))


if __name__ == "__main__":
    run_stage(main)
