"""Compare all models on all benchmarks: metrics with their uncertainty, and pairs of models on shared
items.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import polars as pl

from evobuild.core import tables
from evobuild.core.evaluation_tables import COMPARISONS, EVALUATION
from evobuild.evaluation.benchmark import Benchmark
from evobuild.evaluation.judge import Judge
from evobuild.evaluation.paired_tests import holm_correction
from evobuild.evaluation.pairwise import Pair, PairPrompt, judge_pairs, outcome_shares
from evobuild.evaluation.statistics import Comparison, Estimate, compare_units, estimate_metric

FIGURES = pl.Schema(
    {
        "model": pl.String(),
        "benchmark": pl.String(),
        "figure": pl.String(),
        "headline": pl.Boolean(),
        "higher_is_better": pl.Boolean(),
        "value": pl.Float64(),
        "error": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
        "units": pl.Int64(),
    }
)
"""Schema of the metrics of each model: standard error, 95 % interval, and number of units, mostly items."""
DIFFERENCES = pl.Schema(
    {
        "a": pl.String(),
        "b": pl.String(),
        "benchmark": pl.String(),
        "figure": pl.String(),
        "headline": pl.Boolean(),
        "difference": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
        "p_value": pl.Float64(),
        "units": pl.Int64(),
        "p_holm": pl.Float64(),
    }
)
"""Schema of the metrics of model a minus those of model b, on their shared units.

p_holm: the p-value, corrected for the number of headline metrics compared, or of other metrics.
"""
DIGITS = 6
"""Decimals of metrics: later ones differ between machines, because sums of floats depend on the BLAS."""

Found = TypeVar("Found", Estimate, Comparison)


class Resampling(NamedTuple):
    """The parameters of the random resamples behind intervals and p-values."""

    resamples: int
    seed: int


class BenchmarkMetrics(NamedTuple):
    """A benchmark with the metrics of every model, as tables of units."""

    benchmark: Benchmark[Any]
    units: dict[str, dict[str, pl.DataFrame]]

    @property
    def main(self) -> str:
        """Return the main metric: the headline, or the first metric if no model has the headline."""
        names = [name for figures in self.units.values() for name in figures]
        return self.benchmark.headline if self.benchmark.headline in names else next(iter(names), "")


def read_evaluations(folder: Path, models: Sequence[str]) -> dict[str, pl.DataFrame]:
    """Read the evaluation tables of some models, by name. Raises BadInput if a file is not such a table."""
    return {name: tables.read(folder / f"{name}.parquet", EVALUATION) for name in models}


def compute_all_metrics(
    benchmarks: Sequence[Benchmark[Any]], evaluations: Mapping[str, pl.DataFrame]
) -> list[BenchmarkMetrics]:
    """Compute the metrics of every benchmark and model, without those of weight 0."""
    found = []
    for benchmark in benchmarks:
        units = {}
        for model, table in evaluations.items():
            own = table.filter(pl.col("benchmark") == benchmark.name)
            figures = benchmark.compute_metrics(own) if own.height else {}
            units[model] = {name: each for name, each in figures.items() if each["weight"].sum()}
        found.append(BenchmarkMetrics(benchmark, units))
    return found


def metrics_table(measured: Sequence[BenchmarkMetrics], drawn: Resampling) -> pl.DataFrame:
    """Tabulate every metric of every model with its uncertainty, as FIGURES."""
    rows = [
        (
            model,
            each.benchmark.name,
            name,
            name == each.main,
            each.benchmark.higher_is_better,
            *round_values(found),
        )
        for each in measured
        for model, figures in each.units.items()
        for name, units in figures.items()
        if (found := estimate_metric(units, drawn.resamples, drawn.seed, each.benchmark.scale(name)))
    ]
    return tables.frame(FIGURES, rows).sort("model", "benchmark", maintain_order=True)


def differences_table(measured: Sequence[BenchmarkMetrics], drawn: Resampling) -> pl.DataFrame:
    """Tabulate the difference of every pair of models on every shared metric, as DIFFERENCES."""
    rows = [
        (a, b, each.benchmark.name, name, name == each.main, *round_values(found), None)
        for each in measured
        for a, b in combinations(each.units, 2)
        for name, found in compare_metrics(each, a, b, drawn)
    ]
    found = tables.frame(DIFFERENCES, rows)
    corrected = holm_correction(found["p_value"].to_list(), found["headline"].to_list())
    return found.with_columns(p_holm=pl.Series(corrected, dtype=pl.Float64).round(DIGITS))


def compare_metrics(
    measured: BenchmarkMetrics, a: str, b: str, drawn: Resampling
) -> Iterator[tuple[str, Comparison]]:
    """Compare two models on each shared metric, on their shared units."""
    other, scale = measured.units[b], measured.benchmark.scale
    for name, units in measured.units[a].items():
        if name in other and (found := compare_units(units, other[name], *drawn, scale(name))):
            yield name, found


def round_values(found: Found) -> Found:
    """Round the floats of a result to DIGITS."""
    return type(found)._make(round(each, DIGITS) if isinstance(each, float) else each for each in found)


def metrics_by_model(figures: pl.DataFrame, groups: bool = False) -> dict[str, Any]:
    """Nest metrics for metrics.json: {model: {benchmark: {metric: {"value", "standard_error", "low", "high",
    …}}}}.

    groups: include metrics of groups, such as "accuracy/astronomy"; there may be hundreds.
    """
    found: dict[str, Any] = {}
    for row in figures.filter(groups | ~pl.col("figure").str.contains("/")).iter_rows(named=True):
        own = found.setdefault(row["model"], {}).setdefault(row["benchmark"], {})
        own[row["figure"]] = _metric(Estimate(*(row[name] for name in Estimate._fields)))
    return found


def _metric(found: Estimate) -> dict[str, Any]:
    # DVC shows metrics with a key "error" as unreadable.
    return {"standard_error" if name == "error" else name: each for name, each in found._asdict().items()}


def pair_answers(
    benchmark: Benchmark[Any], evaluations: Mapping[str, pl.DataFrame], pair: tuple[str, str]
) -> list[Pair]:
    """Pair the answers of two models to the same questions: one pair per turn, with the turns before it.

    Keys are `<benchmark>/<a>/<b>/<item>/<turn>`.
    """
    one, other = (_turns(evaluations[name], benchmark.name) for name in pair)
    references = {item.id: benchmark.references(item) for item in benchmark.read_items()}
    found = []
    for item in sorted(one.keys() & other.keys()):
        own, others = one[item], other[item]
        for last in range(1, min(len(own), len(others)) + 1):
            questions = tuple(prompt for prompt, _ in own[:last])
            if questions != tuple(prompt for prompt, _ in others[:last]):
                break
            answers, answers_other = (tuple(reply for _, reply in turns[:last]) for turns in (own, others))
            key = "/".join((benchmark.name, *pair, item, str(last)))
            given = references.get(item, ())[:last]
            found.append(Pair(key, questions, answers, answers_other, given, item))
    return found


def _turns(table: pl.DataFrame, benchmark: str) -> dict[str, list[tuple[str, str]]]:
    """Group prompts and replies by item, in order of turns."""
    found: dict[str, list[tuple[str, str]]] = {}
    own = table.filter(pl.col("benchmark") == benchmark).sort("item", "part")
    for item, prompt, reply in own.select("item", "prompt", "reply").iter_rows():
        found.setdefault(item, []).append((prompt, reply))
    return found


def judge_model_pairs(
    benchmarks: Sequence[Benchmark[Any]],
    evaluations: Mapping[str, pl.DataFrame],
    pairs: Sequence[Sequence[str]],
    judge: Judge,
    prompt: PairPrompt = "mt_bench",
) -> pl.DataFrame:
    """Have a judge compare answers of pairs of models: one COMPARISONS row per pair of answers.

    prompt: the judge's template. Raises UserError if too many of the judge's replies cannot be parsed.
    """
    rows = []
    for benchmark in benchmarks:
        for a, b in pairs:
            answers = pair_answers(benchmark, evaluations, (a, b))
            for each in judge_pairs(judge, benchmark.name, answers, prompt):
                turn = int(each.key.rpartition("/")[2])
                said = (each.outcome, each.consistent, *each.judgments)
                rows.append((each.key, benchmark.name, each.unit, turn, a, b, *said))
    return tables.frame(COMPARISONS, rows)


def count_comparisons(compared: pl.DataFrame, judge: Judge) -> dict[str, Any]:
    """Count pairs, none of which is rejected, and the judge's unparsed replies."""
    judged = {name: {"judged": asked, "unread": judge.unread[name]} for name, asked in judge.asked.items()}
    return {"in": compared.height, "out": compared.height, "rejects": {}, "unread": judged}


def outcomes_by_pair(comparisons: pl.DataFrame, drawn: Resampling) -> dict[str, Any]:
    """Nest metrics of judged pairs: {"a against b": {benchmark: {"win": {"value", …}, …}}}."""
    metrics: dict[str, Any] = {}
    for (a, b, benchmark), rows in comparisons.group_by("a", "b", "benchmark", maintain_order=True):
        own = metrics.setdefault(f"{a} against {b}", {}).setdefault(str(benchmark), {})
        for name, units in outcome_shares(rows.select("consistent", unit="item", outcome="verdict")).items():
            if found := estimate_metric(units, drawn.resamples, drawn.seed):
                own[name] = _metric(round_values(found))
    return metrics
