"""Read the answers of a run to benchmarks, here or at another revision, and have a judge compare two models'.

No answer is generated: a judge sees what the stage `evaluate` stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from evobuild.cli.revision_files import RevisionFiles
from evobuild.core import metrics, tables
from evobuild.core.errors import UserError
from evobuild.core.evaluation_tables import EVALUATION
from evobuild.core.params import RandomSeed, RendersPrompts, StageParams, load_params
from evobuild.core.prompts import use_folder
from evobuild.core.suggestions import unknown_name
from evobuild.core.uri import ChatModel
from evobuild.evaluation.benchmark import Benchmark
from evobuild.evaluation.judge import Judge
from evobuild.evaluation.model_comparison import judge_model_pairs
from evobuild.evaluation.params import Compare, Evaluate
from evobuild.models.client import Model
from evobuild.models.params import ChatRole

PARAMS = Path("params.yaml")
REPLIES = Path("data/evaluation")
LABEL = Path("data/label.txt")


class Models(StageParams):
    judge: ChatRole


class Evaluated(StageParams):
    """The models and benchmarks of a run's evaluation."""

    random_seed: RandomSeed
    evaluate: Evaluate


class Params(RendersPrompts, Evaluated):
    """The params that define the judge's prompts."""

    compare: Compare
    models: Models


class Side(NamedTuple):
    """One side of a comparison. revision: of git, or an experiment; '': the current folder."""

    revision: str
    model: str

    def __str__(self) -> str:
        return f"{self.revision}:{self.model}" if self.revision else self.model


def read_side(text: str) -> Side:
    """Parse "tuned" (a model here) or "main:tuned" (at a revision or in an experiment)."""
    revision, _, model = text.rpartition(":")
    return Side(revision, model)


class Stored(NamedTuple):
    """A side's params and answers. label: of its results, such as DRY RUN; '' without one."""

    params: Evaluated
    answers: pl.DataFrame
    label: str


def read_stored(side: Side, params: Evaluated) -> Stored:
    """Read a side. params: of the current folder.

    Raises UserError if the model is unknown, or its answers are missing here, in DVC's cache and in the
    remote.
    """
    if not side.revision:
        _check_model_name(side, params)
        table = REPLIES / f"{side.model}.parquet"
        if not table.exists():
            raise UserError(
                f"{table} does not exist: {side.model} is not evaluated yet; "
                f"run: evobuild repro evaluate@{side.model}"
            )
        label = metrics.read_label(LABEL) if LABEL.exists() else ""
        return Stored(params, tables.read(table, EVALUATION), label)
    with RevisionFiles(side.revision) as files:
        given = load_params(files.fetch_file(str(PARAMS)), Evaluated)
        _check_model_name(side, given)
        answers = tables.read(files.fetch_file(str(REPLIES / f"{side.model}.parquet")), EVALUATION)
        return Stored(given, answers, metrics.read_label(files.fetch_file(str(LABEL))))


def _check_model_name(side: Side, params: Evaluated) -> None:
    if side.model not in params.evaluate.models:
        said = unknown_name("model of evaluate.models", side.model, params.evaluate.models)
        raise UserError(f"{side.revision}: {said}" if side.revision else said)


def judge_stored(
    answers: Mapping[str, pl.DataFrame],
    benchmarks: Sequence[Benchmark[Any]],
    params: Params,
    judge: ChatModel | None = None,
) -> pl.DataFrame:
    """Have a judge compare the answers of two models side by side, in both orders; return COMPARISONS.

        Args:
        answers: of both models, by name.
        params: define the judge's prompts.
        judge: None: models.judge.

    Raises UserError if too many of its replies cannot be parsed.
    """
    with use_folder(Path(params.prompts)), Model(judge or params.models.judge, "judge") as model:
        asked = Judge(model, params.evaluate.judge_settings(params.random_seed))
        return judge_model_pairs(benchmarks, answers, [list(answers)], asked, params.compare.prompt)
