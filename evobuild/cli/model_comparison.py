"""Compare two models on the benchmarks that both answered, for `evobuild compare <a> <b>`.

Each is an evaluated model, or `<revision or experiment>:<model>`. Everything is computed from the replies of
the stage `evaluate`, with the seed and resamples of params.yaml, so the numbers equal those of
metrics/differences.csv, whichever of the two is named first. Only p_holm differs: here it corrects for the
comparisons of these two models, there for those of all models. A judge is called only on request.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from evobuild.cli import stored_answers
from evobuild.core import metrics, tables
from evobuild.core.errors import UserError
from evobuild.core.evaluation_tables import COMPARISONS
from evobuild.core.params import load_params
from evobuild.core.suggestions import unknown_name
from evobuild.core.uri import ChatModel
from evobuild.evaluation.benchmark import Benchmark
from evobuild.evaluation.model_comparison import (
    BenchmarkMetrics,
    Resampling,
    compare_metrics,
    compute_all_metrics,
)
from evobuild.evaluation.paired_tests import holm_correction
from evobuild.evaluation.pairwise import OUTCOMES, outcome_shares
from evobuild.evaluation.params import build_benchmarks
from evobuild.evaluation.statistics import estimate_metric
from evobuild.process.terminal import aligned

JUDGED = Path("data/comparisons.parquet")
HEADER = ("benchmark", "figure", "difference", "95 % interval", "p", "units", "p (Holm)")
MIRRORED = {"win": "lose", "tie": "tie", "lose": "win"}


class ModelComparison(NamedTuple):
    """The comparison. differences: one entry per metric. judged: one entry per benchmark. apart: benchmarks
    on which the two cannot be compared, each with the reason.
    """

    a: str
    b: str
    label: str
    resamples: int
    differences: list[dict[str, Any]]
    judged: list[dict[str, Any]]
    apart: dict[str, str]


class JudgeChoice(NamedTuple):
    """A request to have a judge compare the answers. model: None: models.judge."""

    model: ChatModel | None = None


def compare_models(
    path: Path, a: str, b: str, benchmarks: Sequence[str] = (), judging: JudgeChoice | None = None
) -> ModelComparison:
    """Compare two models of evaluate.models, each here or as "revision:model".

    Args:
        path: of params.yaml.
        benchmarks: of a, only these; (): all, or for a judge those of compare.benchmarks.
        judging: a judge to call now; None: use the verdicts of the stage `compare`.

    Raises UserError at an unknown name, a model that is not evaluated yet, or if they share no items.
    """
    if a == b:
        raise UserError(f"both models are {a}; expected two different ones")
    sides = {name: stored_answers.read_side(name) for name in (a, b)}
    params = load_params(path, stored_answers.Params)
    stored = {name: stored_answers.read_stored(side, params) for name, side in sides.items()}
    answers, run = {name: each.answers for name, each in stored.items()}, stored[a].params
    _check_benchmarks(run, benchmarks)
    made = [
        each
        for each in build_benchmarks(run.evaluate.benchmarks, run.random_seed)
        if not benchmarks or each.name in benchmarks
    ]
    drawn = Resampling(params.compare.resamples, params.random_seed)
    found = compute_all_metrics(made, answers)
    lines = [line for each in found for line in _compare_metrics(each, a, b, drawn)]
    corrected = holm_correction([line["p_value"] for line in lines], [line["headline"] for line in lines])
    lines = [line | {"p_holm": p_value} for line, p_value in zip(lines, corrected, strict=True)]
    apart = {
        each.benchmark.name: reason
        for each in found
        if (reason := _incomparable_reason(each, a, b, lines)) is not None
    }
    is_here = not any(side.revision for side in sides.values())
    if judging:
        asked = [each for each in made if each.name in (benchmarks or params.compare.benchmarks)]
        compared = stored_answers.judge_stored(answers, asked, params, judging.model)
    else:
        compared = _read_verdicts() if is_here else COMPARISONS.to_frame()
    judged = list(_summarize_verdicts(compared, made, a, b, drawn))
    if not lines and not (judging and judged):
        said = "; ".join(f"{name}: {reason}" for name, reason in apart.items()) or "there is no benchmark"
        raise UserError(f"{a} and {b} cannot be compared: {said}")
    labels = [each.label for each in stored.values()]
    if judging and (judging.model or params.models.judge).simulated:
        labels.append(metrics.DRY_RUN)
    parts = dict.fromkeys(part for label in labels for part in label.split(", ") if part)
    return ModelComparison(a, b, ", ".join(parts), drawn.resamples, lines, judged, apart)


def _check_benchmarks(params: stored_answers.Evaluated, benchmarks: Sequence[str]) -> None:
    for name in benchmarks:
        if name not in params.evaluate.benchmarks:
            known = params.evaluate.benchmarks
            raise UserError(unknown_name("benchmark of evaluate.benchmarks", name, known))


def _compare_metrics(
    measured: BenchmarkMetrics, a: str, b: str, drawn: Resampling
) -> Iterator[dict[str, Any]]:
    """Yield an entry for each metric that both have, computed on the units that both have."""
    one, other = measured.units[a], measured.units[b]
    for name, found in compare_metrics(measured, a, b, drawn):
        yield {
            "benchmark": measured.benchmark.name,
            "figure": name,
            "headline": name == measured.main,
            "higher_is_better": measured.benchmark.higher_is_better,
            "a": _compute_shared_value(one[name], other[name]),
            "b": _compute_shared_value(other[name], one[name]),
            **found._asdict(),
            "units_a": one[name].height,
            "units_b": other[name].height,
        }


def _compute_shared_value(units: pl.DataFrame, others: pl.DataFrame) -> float:
    """Compute a metric on the units that another model has as well."""
    shared = units.join(others.select("unit"), on="unit", how="semi")
    return float(shared["total"].sum()) / float(shared["weight"].sum())


def _incomparable_reason(
    measured: BenchmarkMetrics, a: str, b: str, lines: Sequence[Mapping[str, Any]]
) -> str | None:
    """Return why two models cannot be compared on a benchmark; None if they can."""
    name = measured.benchmark.name
    if any(line["benchmark"] == name for line in lines):
        return None
    lacking = [model for model in (a, b) if not measured.units.get(model)]
    if lacking:
        return f"no score of {' and '.join(lacking)}"
    return "fewer than two items that both answered"


def _read_verdicts() -> pl.DataFrame:
    """Read the verdicts of the stage `compare`, if it ran."""
    return tables.read(JUDGED, COMPARISONS) if JUDGED.exists() else COMPARISONS.to_frame()


def _summarize_verdicts(
    rows: pl.DataFrame, made: Sequence[Benchmark[Any]], a: str, b: str, drawn: Resampling
) -> Iterator[dict[str, Any]]:
    """Summarize a judge's verdicts by benchmark, from the side of a. rows: as COMPARISONS."""
    mirrored = rows.filter(a=b, b=a).with_columns(
        verdict=pl.col("verdict").replace_strict(MIRRORED, default=None, return_dtype=pl.String)
    )
    own = pl.concat([rows.filter(a=a, b=b), mirrored])
    for benchmark in made:
        said = own.filter(benchmark=benchmark.name)
        if said.height:
            units = outcome_shares(said.select("consistent", unit="item", outcome="verdict"))
            found = {name: estimate_metric(each, drawn.resamples, drawn.seed) for name, each in units.items()}
            counts: dict[str, Any] = {name: int((said["verdict"] == name).sum()) for name in OUTCOMES}
            figures = {name: each and each._asdict() for name, each in found.items()}
            unread = said["verdict"].null_count()
            yield {"benchmark": benchmark.name, "unread": unread, "figures": figures} | counts


def format_model_comparison(found: ModelComparison) -> str:
    """Format a comparison as text."""
    return "".join(f"{line}\n" for line in _format_lines(found))


def _format_lines(found: ModelComparison) -> Iterator[str]:
    if found.label:
        yield metrics.explain_label(found.label)
    if found.differences:
        yield from _format_differences(found)
    if found.judged:
        header = (
            f"{found.a}, judged",
            "win",
            "tie",
            "lose",
            "unread",
            "wins and half the ties",
            "consistent",
        )
        yield from aligned([header, *map(_format_verdicts, found.judged)], range(1, len(header)))
    judged = [line["benchmark"] for line in found.judged]
    for name, reason in found.apart.items():
        if name in judged:
            continue
        yield f"{name}: not compared: {reason}"


def _format_differences(found: ModelComparison) -> Iterator[str]:
    rows = [(*HEADER[:2], found.a, found.b, *HEADER[2:]), *map(_format_difference, found.differences)]
    yield from aligned(rows, range(1, len(rows[0])))
    yield ""
    yield (
        f"Differences are {found.a} less {found.b} on the units, mostly items, that both have. An interval "
        "excludes 0 where its p is below 0.05: McNemar's exact test where units are right or wrong, else a "
        "sign-flip test."
    )
    main = sum(line["headline"] for line in found.differences)
    yield (
        f"p (Holm) is corrected for the number of comparisons: {main:,} of main figures and, apart from "
        f"them, {len(found.differences) - main:,} of others. "
        "Only below 0.05 do the models differ by more than chance."
    )
    if found.judged:
        yield ""


def _format_difference(line: Mapping[str, Any]) -> tuple[str, ...]:
    shared = f"{line['units']:,}"
    if max(line["units_a"], line["units_b"]) > line["units"]:
        shared += f" of {line['units_a']:,} and {line['units_b']:,}"
    return (
        line["benchmark"],
        line["figure"],
        f"{line['a']:.4f}",
        f"{line['b']:.4f}",
        f"{line['difference']:+.4f}",
        f"{line['low']:+.4f} to {line['high']:+.4f}",
        f"{line['p_value']:.4f}",
        shared,
        f"{line['p_holm']:.4f}",
    )


def _format_verdicts(line: Mapping[str, Any]) -> tuple[str, ...]:
    counts = tuple(f"{line[name]:,}" for name in (*OUTCOMES, "unread"))
    rate, consistent = (line["figures"][name] for name in ("win_rate", "consistency"))
    return (line["benchmark"], *counts, _format_share(rate), _format_share(consistent))


def _format_share(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "-"
    interval = "" if found["low"] is None else f" ({found['low']:.1%} to {found['high']:.1%})"
    return f"{found['value']:.1%}{interval}"
