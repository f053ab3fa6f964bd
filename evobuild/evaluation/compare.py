"""All models on all benchmarks: each figure with its uncertainty, and every two models on shared items."""

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
from evobuild.evaluation.paired_tests import holm
from evobuild.evaluation.pairwise import Pair, PairPrompt, figures_of, judge_pairs
from evobuild.evaluation.statistics import Comparison, Estimate, compare_units, estimate

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
"""Figures of each model: standard error, 95 % interval and the units that they are of, mostly items."""
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
"""Figures of model a less those of b, on the units that both have.

p_holm: the p-value, corrected for the number of headlines, or of other figures, that are compared.
"""
DIGITS = 6
"""Of figures, after the point: what another machine computes differs behind them."""

Found = TypeVar("Found", Estimate, Comparison)


class Resampling(NamedTuple):
    """The random draws behind intervals and p-values."""

    resamples: int
    seed: int


class Measured(NamedTuple):
    """A benchmark with the figures of every model that has some, as units."""

    benchmark: Benchmark[Any]
    units: dict[str, dict[str, pl.DataFrame]]

    @property
    def main(self) -> str:
        """The figure that stands for it: its headline, or the first figure where no model has that."""
        names = [name for figures in self.units.values() for name in figures]
        return self.benchmark.headline if self.benchmark.headline in names else next(iter(names), "")


def read_evaluations(folder: Path, models: Sequence[str]) -> dict[str, pl.DataFrame]:
    """Read the replies of some models, by name. Raises BadInput if a table is none."""
    return {name: tables.read(folder / f"{name}.parquet", EVALUATION) for name in models}


def measure_all(
    benchmarks: Sequence[Benchmark[Any]], evaluations: Mapping[str, pl.DataFrame]
) -> list[Measured]:
    """The figures of every benchmark and model, of those that were measured at all."""
    found = []
    for benchmark in benchmarks:
        units = {}
        for model, table in evaluations.items():
            own = table.filter(pl.col("benchmark") == benchmark.name)
            figures = benchmark.figures(own) if own.height else {}
            units[model] = {name: each for name, each in figures.items() if each["weight"].sum()}
        found.append(Measured(benchmark, units))
    return found


def figures_table(measured: Sequence[Measured], drawn: Resampling) -> pl.DataFrame:
    """Every figure of every model with its uncertainty, as FIGURES."""
    rows = [
        (
            model,
            each.benchmark.name,
            name,
            name == each.main,
            each.benchmark.higher_is_better,
            *rounded(found),
        )
        for each in measured
        for model, figures in each.units.items()
        for name, units in figures.items()
        if (found := estimate(units, drawn.resamples, drawn.seed, each.benchmark.scale(name)))
    ]
    return tables.frame(FIGURES, rows).sort("model", "benchmark", maintain_order=True)


def differences_table(measured: Sequence[Measured], drawn: Resampling) -> pl.DataFrame:
    """Every two models on every figure that both have, as DIFFERENCES."""
    rows = [
        (a, b, each.benchmark.name, name, name == each.main, *rounded(found), None)
        for each in measured
        for a, b in combinations(each.units, 2)
        for name, found in compare_figures(each, a, b, drawn)
    ]
    found = tables.frame(DIFFERENCES, rows)
    corrected = holm(found["p_value"].to_list(), found["headline"].to_list())
    return found.with_columns(p_holm=pl.Series(corrected, dtype=pl.Float64).round(DIGITS))


def compare_figures(
    measured: Measured, a: str, b: str, drawn: Resampling
) -> Iterator[tuple[str, Comparison]]:
    """Compare two models on each figure that both have, on the units that both have."""
    other, scale = measured.units[b], measured.benchmark.scale
    for name, units in measured.units[a].items():
        if name in other and (found := compare_units(units, other[name], *drawn, scale(name))):
            yield name, found


def rounded(found: Found) -> Found:
    """Round what was found, as it is written."""
    return type(found)._make(round(each, DIGITS) if isinstance(each, float) else each for each in found)


def evaluation_metrics(figures: pl.DataFrame, groups: bool = False) -> dict[str, Any]:
    """Figures as metrics: {model: {benchmark: {figure: {"value", "standard_error", "low", "high", …}}}}.

    groups: with those of groups, such as "accuracy/astronomy", which may be some hundred.
    """
    found: dict[str, Any] = {}
    for row in figures.filter(groups | ~pl.col("figure").str.contains("/")).iter_rows(named=True):
        own = found.setdefault(row["model"], {}).setdefault(row["benchmark"], {})
        own[row["figure"]] = _metric(Estimate(*(row[name] for name in Estimate._fields)))
    return found


def _metric(found: Estimate) -> dict[str, Any]:
    # DVC takes metrics with a key "error" for such as could not be read.
    return {"standard_error" if name == "error" else name: each for name, each in found._asdict().items()}


def paired_answers(
    benchmark: Benchmark[Any], evaluations: Mapping[str, pl.DataFrame], pair: tuple[str, str]
) -> list[Pair]:
    """The answers of two models that were asked the same, a pair for each turn with those before it.

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
    """Prompts and replies of each item, turn by turn."""
    found: dict[str, list[tuple[str, str]]] = {}
    own = table.filter(pl.col("benchmark") == benchmark).sort("item", "part")
    for item, prompt, reply in own.select("item", "prompt", "reply").iter_rows():
        found.setdefault(item, []).append((prompt, reply))
    return found


def judge_all(
    benchmarks: Sequence[Benchmark[Any]],
    evaluations: Mapping[str, pl.DataFrame],
    pairs: Sequence[Sequence[str]],
    judge: Judge,
    prompt: PairPrompt = "mt_bench",
) -> pl.DataFrame:
    """Have a judge see the answers of some models side by side: a row of COMPARISONS for each two answers.

    prompt: how it is asked. Raises UserError if too many of the judge's replies cannot be read.
    """
    rows = []
    for benchmark in benchmarks:
        for a, b in pairs:
            answers = paired_answers(benchmark, evaluations, (a, b))
            for each in judge_pairs(judge, benchmark.name, answers, prompt):
                turn = int(each.key.rpartition("/")[2])
                said = (each.outcome, each.consistent, *each.judgments)
                rows.append((each.key, benchmark.name, each.unit, turn, a, b, *said))
    return tables.frame(COMPARISONS, rows)


def comparison_counts(compared: pl.DataFrame, judge: Judge) -> dict[str, Any]:
    """Count pairs, which all stay, and what of the judge's replies could not be read."""
    judged = {name: {"judged": asked, "unread": judge.unread[name]} for name, asked in judge.asked.items()}
    return {"in": compared.height, "out": compared.height, "rejects": {}, "unread": judged}


def outcome_metrics(comparisons: pl.DataFrame, drawn: Resampling) -> dict[str, Any]:
    """Figures of judged pairs as metrics: {"a against b": {benchmark: {"win": {"value", …}, …}}}."""
    metrics: dict[str, Any] = {}
    for (a, b, benchmark), rows in comparisons.group_by("a", "b", "benchmark", maintain_order=True):
        own = metrics.setdefault(f"{a} against {b}", {}).setdefault(str(benchmark), {})
        for name, units in figures_of(rows.select("consistent", unit="item", outcome="verdict")).items():
            if found := estimate(units, drawn.resamples, drawn.seed):
                own[name] = _metric(rounded(found))
    return metrics
