"""Tune the base briefly on a few rows of each kind, if it is to score then; else leave a note instead."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evobuild.core.conversation import PLAIN
from evobuild.core.declaration import Out, Stage, out
from evobuild.core.params import Dtype, RandomSeed, StageParams
from evobuild.core.stage import run_stage
from evobuild.training.params import TRAINING, Experience
from evobuild.weights.params import LIBRARIES, AdaptedRole
from evobuild.weights.tokenized_pairs import Template


class Models(StageParams):
    scorer: AdaptedRole | None


class Score(StageParams):
    template: Template
    dtype: Dtype


class Params(StageParams):
    random_seed: RandomSeed
    experience: Experience
    score: Score
    models: Models

    def templates(self) -> tuple[str, ...]:
        return (PLAIN,) if _is_used(self.models) else ()


def _is_used(models: Models) -> bool:
    """Whether it is to score."""
    return bool(models.scorer and models.scorer.is_experienced)


@dataclass(frozen=True, kw_only=True)
class Arguments:
    r0: Path = Path("data/rounds/r0.parquet")
    scratch: Path = Path("models/scratch")
    model: Out = out("models/experienced", push=False)
    rejects: Out = out("data/rejects/experience.parquet", push=False)
    counts: Out = out("data/counts/experience.json", push=False)


STAGE = Stage(
    desc="Tune a base briefly on a few rows of each kind, if it is to score then (Cherry LLM).",
    after="scratch",
    prompts=("respond/answer.jinja",),
    libraries=(*LIBRARIES, *TRAINING, "scikit-learn"),
)


def main(params: Params, args: Arguments) -> None:
    from evobuild.core import tables
    from evobuild.core.instructions import INSTRUCTIONS
    from evobuild.core.json_files import write_json
    from evobuild.core.rejects import OFF, REJECTS, ledger

    if not _is_used(params.models):
        args.model.mkdir()
        (args.model / "README.md").write_text("Not tuned: models.scorer is not models/experienced.\n")
        tables.write(args.rejects, REJECTS.to_frame())
        write_json(args.counts, OFF)
        return
    import polars as pl

    from evobuild.core import draws
    from evobuild.core.reasons import NOT_DRAWN
    from evobuild.core.table_writer import TableWriter
    from evobuild.training import experience
    from evobuild.training.running import kept

    seed = params.random_seed
    _, drawn = draws.stream_drawn(args.r0, experience.MOST_ROWS, seed, "experience")
    rows = list(drawn)
    base = experience.Base(params.experience.base, params.score.template, params.score.dtype)
    with kept.used():
        clusters, lost = experience.train_experienced_model(rows, base, params.experience, seed, args.model)
    rejects = TableWriter(args.rejects, REJECTS)
    rejects.extend(tables.frame(REJECTS, lost))
    read = pl.Series([row.id for row in rows], dtype=pl.String).implode()
    for ids in tables.batches(args.r0, INSTRUCTIONS, ["id"]):
        unread = ids.filter(~pl.col("id").is_in(read))
        rejects.extend(unread.with_columns(reason=pl.lit(NOT_DRAWN), detail=pl.lit(""), reply=pl.lit("")))
    rejects.write()
    height = tables.height(args.r0, INSTRUCTIONS)
    reasons = tables.read(args.rejects, REJECTS, ["reason"])
    counts = ledger(height, height - rejects.height, reasons)
    write_json(args.counts, counts | {"clusters": clusters})


if __name__ == "__main__":
    run_stage(main)
