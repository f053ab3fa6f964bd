"""Write the report, one self-contained HTML page, the explorer, and the page of validation results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evobuild.core.declaration import Out, Stage, out
from evobuild.core.stage import run_stage
from evobuild.reporting.calls import CallParams


@dataclass(frozen=True, kw_only=True)
class Arguments:
    settings: Path = Path("params.yaml")
    label: Path = Path("data/label.txt")
    rounds: Path = Path("data/rounds")
    responses: Path = Path("data/responses")
    measures: Path = Path("data/measures")
    rejects: Path = Path("data/rejects")
    failures: Path = Path("data/failures")
    replies: Path = Path("data/replies")
    unread: Path = Path("data/unread")
    method: Path = Path("data/method.txt")
    counts: Path = Path("data/counts")
    downstream: Path = Path("data/downstream")
    contamination: Path = Path("data/contamination")
    optimization: Path = Path("data/optimization")
    failure_counts: Path = Path("metrics/failures.csv")
    keywords: Path = Path("metrics/keywords.csv")
    token_probability: Path = Path("metrics/token_probability.csv")
    dataset: Path = Path("data/dataset.parquet")
    curves: Path = Path("metrics/training")
    evaluations: Path = Path("data/evaluation")
    figures: Path = Path("metrics/evaluation.csv")
    differences: Path = Path("metrics/differences.csv")
    comparisons: Path = Path("data/comparisons.parquet")
    metrics: Path = Path("metrics/evaluation.json")
    validation: Path = Path("data/validation")
    page: Out = out("data/report.html")
    explorer: Out = out("data/explorer")
    validation_page: Out = out("data/validation.html")


STAGE = Stage(
    desc="Write the report, one HTML page, the explorer of all rows, and the page of validation results.",
    after="summarize",
    prompts=(
        "evolve",
        "judge/difficulty_level.jinja",
        "judge/difficulty_score.jinja",
        "judge/difficulty_score_alone.jinja",
        "respond",
    ),
    waits_for=("${evolve.file}",),
)


def main(params: CallParams, args: Arguments) -> None:
    from evobuild.core.metrics import read_label
    from evobuild.reporting import benchmark_pages, evaluations, explorer, outcomes, report, validation

    rows = outcomes.Tables(
        rounds=args.rounds,
        responses=args.responses,
        measures=args.measures,
        contamination=args.contamination,
        rejects=args.rejects,
        failures=args.failures,
        replies=args.replies,
        unread=args.unread,
        downstream=args.downstream,
        optimization=args.optimization,
        dataset=args.dataset,
        method=args.method,
    )
    evaluated = evaluations.Sources(
        args.evaluations, args.figures, args.differences, args.comparisons, args.metrics
    )
    sources = report.Sources(
        rows=rows,
        settings=args.settings,
        counts=args.counts,
        downstream=args.downstream,
        failure_counts=args.failure_counts,
        keywords=args.keywords,
        token_probability=args.token_probability,
        curves=args.curves,
        label=args.label,
        validation=args.validation,
        evaluated=evaluated,
    )
    args.page.write_text(report.report_page(params, sources), encoding="utf-8")
    label = read_label(args.label)
    found = validation.read_results(args.validation)
    args.validation_page.write_text(validation.validation_page(found, label), encoding="utf-8")
    explorer.write_explorer(args.explorer, params, rows, label)
    lost = args.downstream / "rejects"
    benchmark_pages.write_benchmark_pages(args.explorer, params, evaluated, lost, label)


if __name__ == "__main__":
    run_stage(main)
