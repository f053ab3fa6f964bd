"""Train the toy base model on round r0; if no role uses it, leave a note in its place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evobuild.core.params import Part, RandomSeed
from evobuild.core.reads import Given, Reads
from evobuild.core.stage import Out, out, run
from evobuild.training.params import Scratch
from evobuild.weights.params import AdaptedRole, WeightsRole


class Models(Part):
    base: WeightsRole
    scorer: AdaptedRole | None


class Params(Part):
    random_seed: RandomSeed
    scratch: Scratch
    models: Models

    def reads(self, given: Given) -> Reads:
        if not _is_used(self.models):
            return Reads(only=("models.base", "models.scorer"), libraries=None)
        return Reads(libraries=("accelerate",))


def _is_used(models: Models) -> bool:
    """Whether a role uses it."""
    return models.base.is_scratch or bool(models.scorer and models.scorer.is_scratch)


@dataclass(frozen=True, kw_only=True)
class Arguments:
    r0: Path = Path("data/rounds/r0.parquet")
    model: Out = out("models/scratch")


def main(params: Params, args: Arguments) -> None:
    from evobuild.core import tables

    if not _is_used(params.models):
        args.model.mkdir()
        (args.model / "README.md").write_text(
            "Not trained: neither models.base nor models.scorer is models/scratch.\n"
        )
        return
    from evobuild.training import scratch

    rows = tables.instructions(tables.read(args.r0, tables.INSTRUCTIONS))
    texts = ["\n".join(filter(None, (row.instruction, row.input, row.output))) for row in rows]
    scratch.train_scratch_model(texts, params.scratch, params.random_seed, args.model)


if __name__ == "__main__":
    run(main)
