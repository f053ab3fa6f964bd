"""Train the toy base model on the instructions of r0; if no role uses it, leave a note in its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from evobuild.core.declaration import Out, Stage, out
from evobuild.core.params import RandomSeed, StageParams
from evobuild.core.stage import run_stage
from evobuild.core.uri import Weights
from evobuild.training.params import Bases, Scratch
from evobuild.weights.params import LIBRARIES, AdaptedRole, WeightsRole


class Models(StageParams):
    scorer: AdaptedRole | None


class Experience(StageParams):
    base: WeightsRole


class Params(StageParams):
    random_seed: RandomSeed
    scratch: Scratch
    bases: Bases
    experience: Experience
    models: Models


def _named_models(params: Params) -> Iterator[tuple[str, Weights]]:
    """Each model that may be it, by its key, the scorer first; of what is read no more than that."""
    scorer = params.models.scorer
    if scorer:
        yield "models.scorer", scorer
    if scorer and scorer.is_experienced:
        yield "experience.base", params.experience.base
    yield from ((f"bases.{name}.model", base.model) for name, base in params.bases.items())


def _is_used(params: Params) -> bool:
    """Whether a role uses it."""
    return any(weights.is_scratch for _, weights in _named_models(params))


@dataclass(frozen=True, kw_only=True)
class Arguments:
    r0: Path = Path("data/rounds/r0.parquet")
    model: Out = out("models/scratch", push=False)


STAGE = Stage(
    desc="Train the toy base model, if a role uses it.",
    after="seed",
    libraries=(*LIBRARIES, "accelerate"),
)


def main(params: Params, args: Arguments) -> None:
    from evobuild.core import draws

    if not _is_used(params):
        args.model.mkdir()
        (args.model / "README.md").write_text(
            "Not trained: neither a base nor models.scorer is models/scratch.\n"
        )
        return
    from evobuild.training import scratch

    _, rows = draws.stream_drawn(args.r0, scratch.MOST_TEXTS, params.random_seed, "scratch")
    # Without answers: what fine-tuning teaches is new to it.
    texts = ["\n".join(filter(None, (row.instruction, row.input))) for row in rows]
    scratch.train_scratch_model(texts, params.scratch, params.random_seed, args.model)


if __name__ == "__main__":
    run_stage(main)
