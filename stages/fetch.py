"""Fetch one data set of the hub at a pinned revision, as Parquet that the stage seed can read."""

from __future__ import annotations

from dataclasses import dataclass

from evobuild.core.declaration import Out, Stage, out
from evobuild.core.params import Name, StageParams
from evobuild.core.stage import run_stage
from evobuild.seeds.params import Fetch


class Params(StageParams):
    fetch: dict[Name, Fetch]


@dataclass(frozen=True, kw_only=True)
class Arguments:
    name: str
    rows: Out = out("data/raw/{name}.parquet")


STAGE = Stage(
    desc="Fetch the data set ${key} from the hub at a pinned revision.",
    after="check",
    per="fetch",
    keyed=("fetch",),
)


def main(params: Params, args: Arguments) -> None:
    from evobuild.seeds import fetch

    fetch.download_dataset(params.fetch[args.name], args.rows)


if __name__ == "__main__":
    run_stage(main)
