"""Write the data set in the formats of those who train on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.core.stage import Out, run

if TYPE_CHECKING:
    from evobuild.core.params import Params


def main(params: Params, dataset: Path, exports: Out, rejects: Out, counts: Out) -> None:
    from evobuild.core import tables
    from evobuild.export import export as formats

    rows = tables.read(dataset, tables.INSTRUCTIONS)
    lost = formats.export_dataset(rows, params, exports)
    tables.write(rejects, lost)
    tables.write_json(counts, tables.ledger(rows.height, rows.height - lost.height, lost))


if __name__ == "__main__":
    run(main, reads=("export", "models"))
