"""Measure the base and the tuned model on the held-out rows: loss and perplexity of the answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.core.stage import Out, run

if TYPE_CHECKING:
    from evobuild.core.params import Params


def main(
    params: Params, held_out: Path, scratch: Path, tuned: Path, losses: Out, rejects: Out, metrics: Out
) -> None:
    from evobuild.core import tables
    from evobuild.evaluation import evaluate

    rows = list(tables.instructions(tables.read(held_out, tables.INSTRUCTIONS)))
    table, lost = evaluate.compare_models(rows, params.models.base, tuned, params.evaluate)
    tables.ledger(len(rows), table.height, lost)
    tables.write(losses, table)
    tables.write(rejects, lost)
    tables.write_json(metrics, evaluate.evaluation_metrics(table, lost))


if __name__ == "__main__":
    run(main, reads=("evaluate", "models.base"))
