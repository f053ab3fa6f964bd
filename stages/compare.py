"""Sum every benchmark up with its uncertainty, compare every two models, have a judge see some together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evobuild.core.declaration import Out, Stage, out, plot
from evobuild.core.params import Name, RandomSeed, StageParams
from evobuild.core.stage import run_stage
from evobuild.evaluation.pairwise import PAIR_PROMPTS
from evobuild.evaluation.params import Compare, Evaluate, build_benchmarks
from evobuild.models.params import ChatRole


class Models(StageParams):
    judge: ChatRole


class Params(StageParams):
    random_seed: RandomSeed
    evaluate: Evaluate
    compare: Compare
    models: Models

    @property
    def judged(self) -> list[Name]:
        """The benchmarks whose replies a judge sees side by side."""
        return self.compare.benchmarks if self.compare.pairs else []

    def templates(self) -> tuple[str, ...]:
        if not self.judged:
            return ()
        template, _ = PAIR_PROMPTS[self.compare.prompt]
        return tuple(dict.fromkeys((template, *(prompt for each in self._asked for prompt in each.prompts))))

    def named_files(self) -> tuple[str, ...]:
        return tuple({file: None for each in self._asked for file in each.files}) if self.judged else ()

    @property
    def _asked(self) -> list[Any]:
        made = build_benchmarks(self.evaluate.benchmarks, self.random_seed)
        return [each for each in made if each.name in self.judged]


@dataclass(frozen=True, kw_only=True)
class Arguments:
    evaluations: Path = Path("data/evaluation")
    label: Path = Path("data/label.txt")
    comparisons: Out = out("data/comparisons.parquet")
    counts: Out = out("data/downstream/counts/compare.json", push=False)
    metrics: Out = out("metrics/evaluation.json", cache=False)
    figures: Out = plot("metrics/evaluation.csv")
    differences: Out = out("metrics/differences.csv", cache=False)


STAGE = Stage(
    desc="Sum every benchmark up with its uncertainty, and compare every two models.",
    after="evaluate",
    asks="judge",
    counts="pairs of replies",
    plots={
        "metrics/evaluation.csv": {
            "template": "benchmarks",
            "x": "value",
            "y": "model",
            "title": "Main figure of each benchmark",
        }
    },
    prompts=(
        "evaluate",
        "judge/alpaca_eval.jinja",
        "judge/followbench.jinja",
        "judge/mt_bench.jinja",
        "judge/pair.jinja",
        "judge/pair_criteria.jinja",
        "respond/answer.jinja",
    ),
    libraries=("scipy",),
)


def main(params: Params, args: Arguments) -> None:
    from evobuild.core import metrics, tables
    from evobuild.core.csv_files import write_csv
    from evobuild.core.evaluation_tables import COMPARISONS
    from evobuild.core.json_files import write_json
    from evobuild.core.rejects import OFF
    from evobuild.evaluation import model_comparison
    from evobuild.evaluation.judge import Judge
    from evobuild.models.client import Model

    drawn = model_comparison.Resampling(params.compare.resamples, params.random_seed)
    evaluations = model_comparison.read_evaluations(args.evaluations, list(params.evaluate.models))
    made = build_benchmarks(params.evaluate.benchmarks, params.random_seed)
    measured = model_comparison.compute_all_metrics(made, evaluations)
    figures = model_comparison.metrics_table(measured, drawn)
    compared, counts = COMPARISONS.to_frame(), OFF
    if params.judged:
        with Model(params.models.judge, "judge", "compare") as model:
            judge = Judge(model, params.evaluate.judge_settings(params.random_seed))
            asked = [each for each in made if each.name in params.judged]
            given = params.compare
            compared = model_comparison.judge_model_pairs(
                asked, evaluations, given.pairs, judge, given.prompt
            )
        counts = model_comparison.count_comparisons(compared, judge) | {"asked": [model.usage.asked()]}
    tables.write(args.comparisons, compared)
    write_json(args.counts, counts)
    said = model_comparison.metrics_by_model(figures) | model_comparison.outcomes_by_pair(compared, drawn)
    metrics.write_metrics(args.metrics, said, args.label)
    write_csv(args.figures, figures)
    write_csv(args.differences, model_comparison.differences_table(measured, drawn))


if __name__ == "__main__":
    run_stage(main)
