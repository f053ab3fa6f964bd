"""Measure the base and the tuned model on the held-out rows: loss and perplexity of the answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evobuild.core.conversation import PLAIN
from evobuild.core.params import Part
from evobuild.core.reads import Given, Reads
from evobuild.core.stage import Out, out, run
from evobuild.core.terminal import log
from evobuild.evaluation.params import Evaluate
from evobuild.weights.params import WeightsRole


class Models(Part):
    base: WeightsRole


class Params(Part):
    evaluate: Evaluate
    models: Models

    def reads(self, given: Given) -> Reads:
        return Reads(prompts=(PLAIN,))


@dataclass(frozen=True, kw_only=True)
class Arguments:
    held_out: Path = Path("data/held_out.parquet")
    scratch: Path = Path("models/scratch")
    tuned: Path = Path("models/tuned")
    label: Path = Path("data/label.txt")
    losses: Out = out("data/evaluation.parquet")
    rejects: Out = out("data/rejects/evaluate.parquet")
    metrics: Out = out("metrics/evaluation.json")


def main(params: Params, args: Arguments) -> None:
    from evobuild.core import metrics, tables
    from evobuild.evaluation import evaluate

    rows = list(tables.instructions(tables.read(args.held_out, tables.INSTRUCTIONS)))
    table, lost = evaluate.compare_models(rows, params.models.base, args.tuned, params.evaluate)
    if not rows:
        log("no row is held out (seed.held_out: 0): nothing is measured")
    tables.ledger(len(rows), table.height, lost)
    tables.write(args.losses, table)
    tables.write(args.rejects, lost)
    metrics.write_metrics(args.metrics, evaluate.evaluation_metrics(table, lost), args.label)


if __name__ == "__main__":
    run(main)
