"""Fine-tune the base model on the data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evobuild.core.conversation import PLAIN
from evobuild.core.params import Part, RandomSeed
from evobuild.core.reads import Given, Reads
from evobuild.core.stage import Out, out, run
from evobuild.training.params import TRAINING, Finetune
from evobuild.weights.params import WeightsRole


class Models(Part):
    base: WeightsRole


class Params(Part):
    random_seed: RandomSeed
    finetune: Finetune
    models: Models

    def reads(self, given: Given) -> Reads:
        return Reads(prompts=(PLAIN,), libraries=TRAINING)


@dataclass(frozen=True, kw_only=True)
class Arguments:
    dataset: Path = Path("data/dataset.parquet")
    scratch: Path = Path("models/scratch")
    tuned: Out = out("models/tuned")
    rejects: Out = out("data/rejects/finetune.parquet")
    counts: Out = out("data/counts/finetune.json")
    curve: Out = out("metrics/training.csv")


def main(params: Params, args: Arguments) -> None:
    from evobuild.core import csv_files, tables
    from evobuild.training import finetune

    rows = list(tables.instructions(tables.read(args.dataset, tables.INSTRUCTIONS)))
    steps, lost = finetune.finetune_model(
        rows, params.models.base, params.finetune, params.random_seed, args.tuned
    )
    table = tables.frame(tables.REJECTS, lost)
    tables.write(args.rejects, table)
    tables.write_json(args.counts, tables.ledger(len(rows), len(rows) - len(lost), table))
    csv_files.write_csv(args.curve, steps)


if __name__ == "__main__":
    run(main)
