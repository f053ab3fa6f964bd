"""Fetch one data set of the hub at a pinned revision, as Parquet that the stage seed can read."""

from __future__ import annotations

from dataclasses import dataclass

from evobuild.core.params import Name, Part
from evobuild.core.stage import Out, out, run
from evobuild.seeds.params import Fetch


class Params(Part):
    fetch: dict[Name, Fetch]


@dataclass(frozen=True, kw_only=True)
class Arguments:
    name: str
    rows: Out = out("data/raw/{name}.parquet")


def main(params: Params, args: Arguments) -> None:
    from evobuild.seeds import fetch

    fetch.download_dataset(params.fetch[args.name], args.rows)


if __name__ == "__main__":
    run(main)
