"""Write the data set in the formats of those who train on it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evobuild.core.stage import Out, out, run
from evobuild.export.params import ExportParams


@dataclass(frozen=True, kw_only=True)
class Arguments:
    dataset: Path = Path("data/dataset.parquet")
    label: Path = Path("data/label.txt")
    exports: Out = out("data/export")
    rejects: Out = out("data/downstream/rejects/export.parquet")
    counts: Out = out("data/downstream/counts/export.json")


def main(params: ExportParams, args: Arguments) -> None:
    from evobuild.core import metrics, tables
    from evobuild.export import export

    rows = tables.read(args.dataset, tables.INSTRUCTIONS)
    lost = export.export_dataset(rows, params, args.exports, metrics.read_label(args.label))
    tables.write(args.rejects, lost)
    tables.write_json(args.counts, tables.ledger(rows.height, rows.height - lost.height, lost))


if __name__ == "__main__":
    run(main)
