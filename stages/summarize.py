"""Gather the figures of all rounds and pools into one metrics file per topic, and tables to plot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evobuild.contamination.params import Sets
from evobuild.core.declaration import Out, Stage, metric, out, plot
from evobuild.core.measures import ReadsMeasures
from evobuild.core.params import Branches, Pools, Rounds, StageParams
from evobuild.core.stage import run_stage
from evobuild.models.params import Evaluated
from evobuild.training.params import Bases


class Decontaminate(StageParams):
    sets: Sets


class Evaluate(StageParams):
    models: Evaluated


class Params(ReadsMeasures):
    rounds: Rounds
    branches: Branches
    pools: Pools
    decontaminate: Decontaminate
    bases: Bases
    evaluate: Evaluate


@dataclass(frozen=True, kw_only=True)
class Arguments:
    counts: Path = Path("data/counts")
    downstream: Path = Path("data/downstream")
    rounds: Path = Path("data/rounds")
    failures: Path = Path("data/failures")
    rejects: Path = Path("data/rejects")
    replies: Path = Path("data/replies")
    measures: Path = Path("data/measures")
    dataset: Path = Path("data/dataset.parquet")
    contamination_hits: Path = Path("data/contamination")
    optimization: Path = Path("metrics/optimization.json")
    curves: Path = Path("metrics/training")
    label: Path = Path("data/label.txt")
    headline: Out = metric("metrics/headline.json")
    row_counts: Out = out("metrics/rows.json", cache=False)
    means: Out = out("metrics/measures.json", cache=False)
    levels: Out = plot("metrics/difficulty.csv")
    histogram: Out = plot("metrics/scores.csv")
    evolution: Out = out("metrics/evolution.json", cache=False)
    reasons: Out = plot("metrics/failures.csv")
    token_probability: Out = out("metrics/token_probability.json", cache=False)
    probability_bins: Out = plot("metrics/token_probability.csv")
    contamination: Out = out("metrics/contamination.json", cache=False)
    branches: Out = out("metrics/branches.json", cache=False)
    funnel: Out = plot("metrics/branches.csv")
    usage: Out = out("metrics/usage.json", cache=False)


STAGE = Stage(
    desc="Gather the figures of all rounds and pools, and the dozen that tell runs apart.",
    after="validate_outputs",
    plots={
        "metrics/difficulty.csv": {
            "template": "bar_horizontal_sorted",
            "x": "rows",
            "y": "level",
            "title": "Rows by difficulty level",
        },
        "metrics/scores.csv": {"x": "ic_ifd", "y": "rows", "title": "Rows by IC-IFD"},
        "metrics/failures.csv": {
            "template": "bar_horizontal_sorted",
            "x": "rows",
            "y": "reason",
            "title": "Failures by reason",
        },
        "metrics/branches.csv": {
            "template": "bar_horizontal_sorted",
            "x": "share",
            "y": "step",
            "title": "Share that each step of AutoIF let through",
        },
        "metrics/token_probability.csv": {
            "x": "probability",
            "y": "share",
            "title": "Top-1 probability of the evolver",
        },
    },
)


def main(params: Params, args: Arguments) -> None:
    from evobuild.core import csv_files, metrics
    from evobuild.evolution import token_probability
    from evobuild.reporting import failure_counts, funnel, headline, stage_counts, summarize

    pools, names, branches = list(params.pools), list(params.rounds), list(params.branches)
    failed = failure_counts.count_failures(args.rounds, args.failures, args.rejects, names, pools)
    positions = token_probability.read_token_probabilities(
        names, replies=args.replies, failures=args.failures, rounds=args.rounds
    )
    steps = funnel.read_funnels(args.counts, branches)
    evaluated = stage_counts.Names(names, branches, pools, params.measures, params.evaluate.models)
    stages = stage_counts.list_calling_stages(evaluated)
    folders = stage_counts.CountFolders(args.counts, args.downstream)
    sets = list(params.decontaminate.sets)
    sources = headline.Sources(
        counts=args.counts,
        downstream=args.downstream,
        ratings=args.measures / "ratings",
        dataset=args.dataset,
        contamination=args.contamination_hits,
        optimization=args.optimization,
        curves=args.curves,
    )
    line = headline.Names(names, branches, pools, sets, next(iter(params.bases), ""))
    figures = {
        args.headline: headline.headline_figures(sources, line, stages),
        args.row_counts: summarize.row_counts(args.counts, names, pools, branches),
        args.means: summarize.measure_means(args.measures, args.counts, pools),
        args.evolution: failure_counts.failure_figures(failed, args.counts, names, pools),
        args.token_probability: token_probability.probability_metrics(positions),
        args.contamination: summarize.count_contaminated(args.counts, sets, pools),
        args.branches: funnel.funnel_figures(steps),
        args.usage: summarize.usage_by_role(folders, stages),
    }
    for path, own in figures.items():
        metrics.write_metrics(path, own, args.label)
    csv_files.write_csv(args.levels, summarize.level_counts(args.measures, pools))
    csv_files.write_csv(args.histogram, summarize.score_histogram(args.measures, pools))
    csv_files.write_csv(args.reasons, failed)
    csv_files.write_csv(args.probability_bins, token_probability.probability_histogram(positions))
    csv_files.write_csv(args.funnel, funnel.funnel_lines(steps), funnel.LINES)


if __name__ == "__main__":
    run_stage(main)
