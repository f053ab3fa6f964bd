"""What a judge says of the answers of one experiment's models beside those of another's, in both orders.

The answers are those that the experiments left; nothing is answered anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from evobuild.cli import stored_answers
from evobuild.core.evaluation_tables import COMPARISONS, EVALUATION
from evobuild.core.params import load_params
from evobuild.evaluation.params import build_benchmarks
from evobuild.process.terminal import log
from experiments.recipe.outs import Outs
from experiments.recipe.views import Finished, labelled

ANSWERS = ("evaluate",)
"""The stages that write them."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """Experiments that differ in one factor, compared two by two.

    factor: what they differ in. beside: of a level, the levels that it is set beside.
    """

    factor: str
    beside: Mapping[str, Sequence[str]]
    stages: tuple[str, ...] = ANSWERS

    def gather(self, finished: Sequence[Finished]) -> pl.DataFrame:
        """Have every two judged, by the judge of the first: a row for each two answers, as COMPARISONS.

        Adds the labels of the first, beside, which is the level of the other, and model, which answered in
        both. Verdicts are from the side of the first.
        """
        frames = [COMPARISONS.to_frame().with_columns(beside=pl.lit(""), model=pl.lit(""))]
        for labels, outs in finished:
            for level in self.beside.get(labels[self.factor], ()):
                others = (other for own, other in finished if own == {**labels, self.factor: level})
                for other in others:
                    log(f"judging {labels[self.factor]} beside {level} on {labels['data']}")
                    rows = pl.concat(_list_judged(outs, other)).with_columns(beside=pl.lit(level))
                    frames.append(labelled(rows.select(frames[0].columns), labels))
        return pl.concat(frames, how="diagonal")


def _list_judged(one: Outs, other: Outs) -> Iterator[pl.DataFrame]:
    """Yield the verdicts of the judge on each model that both tuned."""
    params = load_params(one.fetch_file("params.yaml"), stored_answers.Params)
    made = build_benchmarks(params.evaluate.benchmarks, params.random_seed)
    for model in params.evaluate.models:
        table = f"data/evaluation/{model}.parquet"
        answers = {"one": one.table(table, EVALUATION), "other": other.table(table, EVALUATION)}
        yield stored_answers.judge_stored(answers, made, params).with_columns(model=pl.lit(model))
