"""Fetch one data set of the hub at a pinned revision, as Parquet that the stage seed can read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evobuild.core.stage import Out, run

if TYPE_CHECKING:
    from evobuild.core.params import Params


def main(params: Params, rows: Out) -> None:
    from evobuild.seeds import fetch

    name = rows.name.removeprefix(".").split(".")[0]
    fetch.download_dataset(params.fetch[name], rows)


if __name__ == "__main__":
    run(main, reads=("fetch",))
