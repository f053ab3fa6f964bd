"""Train the toy base model on round r0; if no role uses it, leave a note in its place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.core.stage import Out, run

if TYPE_CHECKING:
    from evobuild.core.params import Params


def main(params: Params, r0: Path, model: Out) -> None:
    from evobuild.core import tables

    scorer = params.models.scorer
    if not (params.models.base.is_scratch or (scorer and scorer.is_scratch)):
        model.mkdir()
        (model / "README.md").write_text(
            "Not trained: neither models.base nor models.scorer is models/scratch.\n"
        )
        return
    from evobuild.training import scratch

    rows = tables.instructions(tables.read(r0, tables.INSTRUCTIONS))
    texts = ["\n".join(filter(None, (row.instruction, row.input, row.output))) for row in rows]
    scratch.train_scratch_model(texts, params.scratch, params.random_seed, model)


if __name__ == "__main__":
    run(main, reads=("random_seed", "scratch", "models.base", "models.scorer"))
