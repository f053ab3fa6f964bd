"""A model on benchmarks: its replies, their scores, and figures with their uncertainty."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, NamedTuple

import polars as pl

from evobuild.api.notebook import render_tables
from evobuild.api.settings import Folder, ModelName, opened_model, section, surroundings
from evobuild.core.errors import BadParams
from evobuild.evaluation import compare
from evobuild.evaluation.benchmark import Tools
from evobuild.evaluation.evaluate import evaluate_model
from evobuild.evaluation.judge import Judge
from evobuild.evaluation.params import Evaluate, made_benchmarks
from evobuild.sandbox.params import Limits

NAME = "model"
"""What tables call the model that is asked."""


class Evaluated(NamedTuple):
    """What came of a model.

    figures: of each benchmark, `value` with its standard `error` and the bounds of its 95 % interval, `low`
    and `high`, over so many `units`, mostly items; `headline` is the one that stands for the benchmark.
    rows: a reply each, with its score and checks. rejects: items that were lost.
    """

    figures: pl.DataFrame
    rows: pl.DataFrame
    rejects: pl.DataFrame

    def _repr_html_(self) -> str:
        """Show as tables in a notebook."""
        return render_tables(figures=self.figures, rows=self.rows, rejects=self.rejects)


def evaluate(
    model: ModelName,
    benchmarks: Mapping[str, Mapping[str, Any]],
    *,
    judge: ModelName | None = None,
    resamples: int = 1000,
    sandbox: Mapping[str, object] | None = None,
    seed: int = 42,
    cache: Folder = None,
) -> Evaluated:
    """Ask a model benchmarks and score its replies, as the stages `evaluate` and `compare` do.

    benchmarks: settings by name, as `evaluate.benchmarks` of params.yaml has them, with the file of the
    items, such as {"gsm8k": {"items": "test.jsonl", "limit": 100}}. judge: a chat model, for benchmarks that
    one scores. resamples: random draws behind the intervals. sandbox: keys of this section of
    params.yaml, for benchmarks that run code.

    Raises UserError where a file, a model or a setting cannot be used, or if too many of the judge's replies
    cannot be read.

    >>> items = "data/raw/benchmarks/gsm8k.jsonl"
    >>> found = evaluate("simulated:small", {"gsm8k": {"items": items, "limit": 2}})
    >>> found.figures.filter(headline=True).select("figure", "units").row(0)
    ('accuracy', 2)
    """
    own = {name: dict(each) for name, each in benchmarks.items()}
    params = section("evaluate", Evaluate, {"models": {}, "benchmarks": own})
    made = made_benchmarks(params.benchmarks, seed)
    needs = {need for each in made for need in each.needs}
    if "judge" in needs and judge is None:
        judged = next(each.name for each in made if "judge" in each.needs)
        raise BadParams(f"judge is missing; {judged} asks one")
    limits = section("sandbox", Limits, sandbox or {}) if "sandbox" in needs else None
    with surroundings(cache) as engines, ExitStack() as stack:
        asked = stack.enter_context(opened_model("model", model, engines))
        judging = None
        if "judge" in needs and judge is not None:
            client = stack.enter_context(opened_model("judge", judge, engines))
            judging = Judge(client, params.judge_settings(seed))
        found = evaluate_model(NAME, made, asked, Tools(seed, limits, judging))
    measured = compare.measure_all(made, {NAME: found.rows})
    figures = compare.figures_table(measured, compare.Resampling(resamples, seed))
    return Evaluated(figures.drop("model"), found.rows.drop("model"), found.rejects)
