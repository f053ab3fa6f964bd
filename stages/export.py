"""Write the data set in formats of those who train on it, its card, and what its rows descend from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evobuild.core.declaration import Out, Stage, out
from evobuild.core.measures import ReadsMeasures
from evobuild.core.params import Branches, Rounds
from evobuild.core.stage import run_stage
from evobuild.export.params import ExportParams


class Params(ExportParams, ReadsMeasures):
    rounds: Rounds
    branches: Branches


@dataclass(frozen=True, kw_only=True)
class Arguments:
    dataset: Path = Path("data/dataset.parquet")
    label: Path = Path("data/label.txt")
    rounds: Path = Path("data/rounds")
    replies: Path = Path("data/replies")
    failures: Path = Path("data/failures")
    method: Path = Path("data/method.txt")
    values: Path = Path("params.yaml")
    stage_counts: Path = Path("data/counts")
    validation: Path = Path("data/validation/tables.json")
    exports: Out = out("data/export")
    lineage: Out = out("data/lineage.parquet")
    rejects: Out = out("data/downstream/rejects/export.parquet", push=False)
    counts: Out = out("data/downstream/counts/export.json", push=False)


STAGE = Stage(
    desc="Write the data set in formats of those who train on it, its card, and what its rows descend from.",
    after="validate",
    describes="select",
    artifacts={
        "dataset": {
            "path": "data/export",
            "type": "dataset",
            "desc": "The data set in the formats of export.formats, with its card.",
            "labels": ["instruction-tuning", "synthetic"],
        }
    },
    prompts=("respond/answer.jinja",),
    libraries=("py3langid",),
)


def main(params: Params, args: Arguments) -> None:
    from evobuild.cards import card, croissant, provenance
    from evobuild.cli.pipeline.run_provenance import collect_provenance
    from evobuild.contracts.result import read_validation
    from evobuild.core import metrics, tables
    from evobuild.core.instructions import INSTRUCTIONS
    from evobuild.core.json_files import write_json
    from evobuild.core.rejects import REJECTS, ledger
    from evobuild.core.table_writer import TableWriter
    from evobuild.core.yaml_files import read_yaml
    from evobuild.export import export
    from evobuild.export.lineage import Sources, write_lineage

    lost = TableWriter(args.rejects, REJECTS)
    export.export_dataset(args.dataset, params.export.formats, args.exports, lost)
    made = collect_provenance(read_yaml(args.values), args.stage_counts)
    found = card.Sources(
        dataset=args.dataset,
        made=made,
        counts=provenance.read_counts(args.stage_counts, made.stages),
        validation=read_validation(args.validation),
        params=params.export,
        label=metrics.read_label(args.label),
        lost=lost.height,
    )
    described = card.describe(found)
    card.write_card(args.exports, described)
    croissant.write_croissant(args.exports, described)
    parents = {name: each.parent for name, each in params.rounds.items()}
    sources = Sources(args.rounds, args.replies, args.failures, args.method)
    write_lineage(args.lineage, args.dataset, sources, parents, params.branches)
    rows = tables.height(args.dataset, INSTRUCTIONS)
    lost.write()
    reasons = tables.read(args.rejects, REJECTS, ["reason"])
    write_json(args.counts, ledger(rows, rows - lost.height, reasons))


if __name__ == "__main__":
    run_stage(main)
