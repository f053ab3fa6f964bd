"""Fine-tune the base model on the data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.core.stage import Out, run

if TYPE_CHECKING:
    from evobuild.core.params import Params


def main(
    params: Params, dataset: Path, scratch: Path, tuned: Out, rejects: Out, counts: Out, curve: Out
) -> None:
    from evobuild.core import tables
    from evobuild.training import finetune

    rows = list(tables.instructions(tables.read(dataset, tables.INSTRUCTIONS)))
    steps, lost = finetune.finetune_model(
        rows, params.models.base, params.finetune, params.random_seed, tuned
    )
    table = tables.frame(tables.REJECTS, lost)
    tables.write(rejects, table)
    tables.write_json(counts, tables.ledger(len(rows), len(rows) - len(lost), table))
    tables.write_csv(curve, steps)


if __name__ == "__main__":
    run(main, reads=("random_seed", "finetune", "models.base"))
