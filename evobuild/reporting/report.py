"""Render the report: one self-contained HTML page about rows, rejects, selection and training.

Names of rounds and pools come from params, so files of removed ones are ignored. All text of rows is
untrusted: templates escape it; only our own SVG is included verbatim. A missing or unreadable file raises
BadInput that names it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import yaml

from evobuild.contamination import hits
from evobuild.core import tables
from evobuild.core.csv_files import read_csv
from evobuild.core.measures import measure_of
from evobuild.core.metrics import read_label
from evobuild.core.reasons import reason_meanings, reasons_of
from evobuild.core.uri import Weights
from evobuild.core.yaml_files import read_yaml
from evobuild.models.roles import chat_models, evaluated_models, weights_models
from evobuild.reporting import (
    benchmark_chart,
    charts,
    chosen_rows,
    entries,
    evaluations,
    examples,
    explorer,
    first_screen,
    funnel,
    improvement,
    item_examples,
    operation_names,
    outcomes,
    score_sections,
    selected_rows,
    stage_counts,
    templates,
    training,
    validation,
    verdict,
)
from evobuild.reporting.params import ReportParams
from evobuild.reporting.stage_counts import StageCounts
from evobuild.scoring.params import measure_models
from evobuild.selection import candidate_rows, ranks, selection_metrics

SCRIPTS = ("report_scatter.js", "report_runs.js", "report.js", "report_live.js")
COMPARED = 2
"""Rows shown at each end of a metric."""
PANELS = 4
"""Metrics drawn against length."""
FAILURE_LINES = 60
"""Failures shown by operation and domain, the commonest first."""
DIFFERENCES = 400
"""Differences of two models shown beside those of main figures, the first ones."""
FAILURE_COLUMNS = {
    "round": str, "stage": str, "operation": str, "domain": str, "reason": str, "rows": int, "of": int
}  # fmt: skip


class Sources(NamedTuple):
    """Where the report reads: rows and what became of them, folders of figures, then single files."""

    rows: outcomes.Tables
    settings: Path
    counts: Path
    downstream: Path
    failure_counts: Path
    keywords: Path
    token_probability: Path
    curves: Path
    label: Path
    validation: Path
    evaluated: evaluations.Sources

    @property
    def count_folders(self) -> stage_counts.CountFolders:
        return stage_counts.CountFolders(self.counts, self.downstream)


def report_page(params: ReportParams, sources: Sources) -> str:
    """Write the page.

    Raises BadInput naming the file that is missing or not as it should be; MissingExtra without matplotlib.
    """
    where = sources.rows
    found = stage_counts.read_stage_counts(params, sources.count_folders)
    trained = training.read_trained_bases(params, sources.curves)
    curves = {name: base.curve for name, base in trained.items() if base.curve}
    selected_pools = params.select.list_pools(params.pools)
    asked = chat_models(params.models) | measure_models(params.measures)
    asked |= evaluated_models(params.evaluate.models)
    told = {
        **_evolution(sources, found),
        **_branches(params, sources.counts),
        **_worth(params, where, found),
        **_choice(params, sources),
        **_contamination(params, sources),
        **score_sections.measure_sections(params, where.measures, found),
        **_evaluation(params, sources),
    }
    return templates.render_page(
        "report.html.jinja",
        params=params,
        roles=asked | weights_models(params.models) | _bases(params),
        simulated=[role for role, model in asked.items() if model.simulated],
        toys=_toys(params),
        stage_counts=found,
        **_first_screen(params, sources, found, told),
        lineages=examples.lineages(params, where),
        operation_name=operation_names.read_operation_names(params.evolve, where.optimization).name,
        trees=entries.count_roots(params, where),
        most_trees=explorer.most_trees(params),
        lost=examples.sample_rejects(params, where),
        selected_pools=selected_pools,
        trained=trained,
        curve_chart=charts.training(curves, read_label(sources.label)) if curves else "",
        usage=_usage(params, sources),
        settings=_settings(sources.settings),
        **templates.script(*SCRIPTS),
        **told,
    )


def _first_screen(
    params: ReportParams, sources: Sources, found: Mapping[str, StageCounts], told: Mapping[str, Any]
) -> dict[str, Any]:
    """What the first screen says. told: what the parts below it do."""
    where, label = sources.rows, read_label(sources.label)
    counted = first_screen.count_rows(where.dataset)
    contracts = validation.read_results(sources.validation)
    made = first_screen.count_by_pool(params, found, counted)
    facts = verdict.Facts(
        label=label,
        counts=found,
        selected={each.pool: each.selected for each in made if each.chosen_from},
        shared=first_screen.count_shared_rows(params, where),
        warnings=first_screen.read_warnings(sources.counts),
        difficulty={
            each["pool"]: each["difficulty"] for each in told["means"] if each["pool"] not in params.branches
        },
        differences=told["evaluated"]["differences"],
        higher=told["evaluated"]["higher"],
        method=told["method"],
        contracts=contracts,
    )
    return {
        "label": label,
        "best_rows": selected_rows.read_best_rows(params, where),
        "best_notes": [text for metric, text in selected_rows.NOTES.items() if metric in params.select.by],
        "made": made,
        "selected": first_screen.count_selected(counted, list(facts.selected)),
        "exports": first_screen.export_links(params.export.formats),
        "seeds_hash": first_screen.hash_seeds(where.rounds),
        "stages": first_screen.stage_order(params),
        "verdict": verdict.find_verdict(params, facts),
        **validation.report_section(contracts),
    }


def _toys(params: ReportParams) -> list[str]:
    """Who plays a role by the toy model that the pipeline trains."""
    scorer = ["scorer"] if params.models.scorer and params.models.scorer.is_scratch else []
    return scorer + [role for role, model in _bases(params).items() if model.is_scratch]


def _bases(params: ReportParams) -> dict[str, Weights]:
    """The base models, as roles are called on the page."""
    return {f"base {name}": base.model for name, base in params.bases.items()}


def _usage(params: ReportParams, sources: Sources) -> list[dict[str, Any]]:
    """What stages asked of models."""
    asking = stage_counts.list_calling_stages(_names(params))
    return list(stage_counts.stage_usage(sources.count_folders, asking))


def _names(params: ReportParams) -> stage_counts.Names:
    return stage_counts.Names(
        params.rounds, params.branches, params.pools, params.measures, params.evaluate.models
    )


def _evaluation(params: ReportParams, sources: Sources) -> dict[str, Any]:
    """What the report says of benchmarks."""
    where, models, seed = sources.evaluated, list(params.evaluate.models), params.random_seed
    figures = evaluations.read_figures(where.figures, models)
    lines, more = evaluations.first_lines(evaluations.figure_lines(figures))
    differences = evaluations.read_differences(where.differences, models)
    counts = {name: stage_counts.read_json(sources.count_folders.file("evaluate", name)) for name in models}
    higher = {each["benchmark"]: each["higher_is_better"] for each in figures}
    evaluated = {
        "models": models,
        "higher": higher,
        "lines": lines,
        "more_lines": more,
        "differences": [each for each in differences if each["headline"]],
        "other_differences": [each for each in differences if not each["headline"]][:DIFFERENCES],
        "compared": sum(each["headline"] for each in differences),
        "compared_others": sum(not each["headline"] for each in differences),
        "judged": evaluations.read_judged(where, models),
        "lost": evaluations.losses_of_items(counts),
        "groups": item_examples.item_groups(where.evaluations, models, higher, params.report.examples, seed),
    }
    chart = benchmark_chart.draw_headlines(lines) if lines else ""
    return {"evaluated": evaluated, "benchmark_chart": chart}


def _evolution(sources: Sources, found: Mapping[str, StageCounts]) -> dict[str, Any]:
    """What the report says of the evolving method, of failures, and of the evolver's ideas and words."""
    method = improvement.read_improvement(sources.rows.optimization)
    failed = [
        each
        for each in read_csv(sources.failure_counts, FAILURE_COLUMNS)
        if f"{each['stage']}-{each['round']}" in found
    ]
    keywords = read_csv(sources.keywords, {"evolver": str, "keyword": str, "count": int})
    tokens = read_csv(
        sources.token_probability, {"round": str, "evolver": str, "probability": float, "share": float}
    )
    failures = _failures(failed, found)
    seen = {(each["stage"], each["reason"]) for each in failures}
    known = [(stage, reason) for stage in ("evolve", "respond") for reason in reasons_of(stage)]
    return {
        "method": method,
        "method_chart": charts.plot_failure_rates(method.candidates) if method else "",
        "meanings": reason_meanings(),
        "failures": failures,
        "never": [each for each in known if each not in seen],
        "failure_lines": sorted(failed, key=lambda row: -row["rows"])[:FAILURE_LINES],
        "more_failure_lines": max(0, len(failed) - FAILURE_LINES),
        "ideas": _ideas(keywords),
        "keyword_chart": charts.keywords(keywords) if keywords else "",
        "token_chart": charts.token_probability(tokens) if tokens else "",
    }


def _branches(params: ReportParams, counts: Path) -> dict[str, Any]:
    """What the report says of branches: their funnels."""
    found = funnel.read_funnels(counts, list(params.branches))
    lines = funnel.funnel_lines(found)
    drawn = {name: [line for line in lines if line["branch"] == name] for name in found}
    return {"funnels": found, "funnel_chart": charts.funnel(drawn) if lines else ""}


def _choice(params: ReportParams, sources: Sources) -> dict[str, Any]:
    """What the report says of the metrics that rows could be chosen by."""
    where = sources.rows
    measured = candidate_rows.Sources(where.rounds, where.responses, where.measures)
    rejects = where.rejects / "select.parquet"
    found = selection_metrics.compare_selection_metrics(
        params,
        measured,
        dataset=where.dataset,
        rejects=rejects,
        examples=selection_metrics.Examples(COMPARED),
    )
    own = [metric for metric in params.select.by if metric in found.metrics]
    drawn = list(dict.fromkeys([*own, *(metric for metric in found.metrics if metric != "length")]))[:PANELS]
    panels: dict[str, pl.DataFrame] = {
        metric: found.table.select("words", "kept", value=ranks.metric_values(found.table, metric, 0))
        for metric in drawn
    }
    rows = chosen_rows.sample_rows(params, where)
    return {
        "comparison": found,
        "length_chart": charts.lengths(panels) if panels else "",
        "drawn": rows,
        "chosen_chart": chosen_rows.chart_of_selected(rows, params.select.list_pools(params.pools)),
        "points": chosen_rows.points(rows, list(params.pools)),
    }


def _contamination(params: ReportParams, sources: Sources) -> dict[str, Any]:
    """What the report says of text shared with evaluation sets."""
    sets, pools = list(params.decontaminate.sets), list(params.pools)
    return {
        "overlaps": [
            line
            for name in sets
            for line in hits.format_hits(
                name,
                stage_counts.read_json(sources.counts / f"decontaminate-{name}.json", "questions", "pools"),
                pools,
            )
        ],
        "shared": [
            hit for name in sets for hit in hits.find_longest_hits(name, pools, sources.rows.contamination)
        ],
    }


def _worth(params: ReportParams, where: outcomes.Tables, found: Mapping[str, StageCounts]) -> dict[str, Any]:
    """What the report says of difficulty and scores, by pool."""
    rated = measure_of("rate").schema
    ratings = {
        pool: tables.read(where.measures / "ratings" / f"{pool}.parquet", rated, rated.names()[1:])
        for pool in params.pools
    }
    measures = ("ic_ifd", "ifd", "question_tokens", "answer_tokens")
    scores = {
        pool: tables.read(where.measures / "scores" / f"{pool}.parquet", measure_of("score").schema, measures)
        for pool in params.pools
    }
    means = [
        {"pool": pool, "rate": found[f"rate-{pool}"]}
        | {"difficulty": _mean(ratings[pool]["score"]), "with_score": ratings[pool]["score"].count()}
        | {name: _mean(scores[pool][name]) for name in measures}
        for pool in params.pools
    ]
    levels = charts.plot_levels(ratings) if "level" in params.rate.measures else ""
    filled = {pool: rows for pool, rows in scores.items() if rows.height}
    drawn = charts.histograms(filled) if filled and params.models.scorer else ""
    return {"level_chart": levels, "score_chart": drawn, "means": means}


def _failures(failed: Sequence[Mapping[str, Any]], found: Mapping[str, StageCounts]) -> list[dict[str, Any]]:
    """One line a stage and reason: rows that failed so in each round, and of how many."""
    lines: dict[tuple[str, str], dict[str, int]] = {}
    for each in failed:
        line = lines.setdefault((each["stage"], each["reason"]), {})
        line[each["round"]] = line.get(each["round"], 0) + each["rows"]
    order = sorted(lines, key=lambda key: (key[0], -sum(lines[key].values()), key[1]))
    return [
        {
            "stage": stage,
            "reason": reason,
            "rounds": {
                name: (rows, rows / max(1, found[f"{stage}-{name}"].rows_in))
                for name, rows in lines[stage, reason].items()
            },
        }
        for stage, reason in order
    ]


def _ideas(keywords: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Build one line per evolver: the number of distinct phrases among its methods."""
    evolvers = list(dict.fromkeys(each["evolver"] for each in keywords))
    own = {name: [each["count"] for each in keywords if each["evolver"] == name] for name in evolvers}
    return [
        {"evolver": name, "distinct": len(counts), "methods": sum(counts)} for name, counts in own.items()
    ]


def _mean(values: pl.Series) -> float:
    mean = values.mean()
    return float(mean) if isinstance(mean, (int, float)) else float("nan")


def _settings(path: Path) -> str:
    # Sorted, for the order of keys in the file makes nothing stale.
    text: str = yaml.safe_dump(read_yaml(path), sort_keys=True, allow_unicode=True)
    return text
