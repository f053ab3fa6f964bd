"""Read benchmark results for the report: metrics of models, pairwise differences, and a judge's verdicts.

All numbers come from tables of `evaluate` and `compare`, so no benchmark's code or library is needed.
Models come from params: the tables of a removed one stay unread.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from evobuild.core import tables
from evobuild.core.csv_files import read_csv
from evobuild.core.errors import BadInput
from evobuild.core.evaluation_tables import COMPARISONS
from evobuild.core.metrics import read_metrics

FIGURES = 8
"""Figures of a benchmark in the report, the main one first."""
VERDICTS = ("win", "tie", "lose")
Line = dict[str, Any]
Columns = dict[str, Callable[[str], Any]]


class Sources(NamedTuple):
    """Paths of evaluations: a folder with the replies of each model, then single files."""

    evaluations: Path = Path("data/evaluation")
    figures: Path = Path("metrics/evaluation.csv")
    differences: Path = Path("metrics/differences.csv")
    comparisons: Path = Path("data/comparisons.parquet")
    metrics: Path = Path("metrics/evaluation.json")


class Judged(NamedTuple):
    """Two models before the judge. counts: of win, tie and lose, from a's side. unread: pairs without.

    figures: of them all as metrics have them, such as win_rate and consistency, with value, low and high.
    """

    a: str
    b: str
    benchmark: str
    counts: Mapping[str, int]
    unread: int
    figures: Mapping[str, Any]

    @property
    def verdicts(self) -> int:
        return sum(self.counts.values())


def read_figures(path: Path, models: Sequence[str]) -> list[Line]:
    """The figures of some models. Raises BadInput naming the file if it is no table of them."""
    columns: Columns = {
        "model": str, "benchmark": str, "figure": str, "headline": _flag, "higher_is_better": _flag,
        "value": float, "error": _number, "low": _number, "high": _number, "units": int,
    }  # fmt: skip
    return [each for each in read_csv(path, columns) if each["model"] in models]


def figure_lines(figures: Sequence[Line]) -> list[Line]:
    """One line a benchmark and figure, the headline first, with the figure of each model that has it.

    best: the models that lead by a main figure, where models differ. What of the others is good, only their
    benchmark knows.
    """
    lines: dict[tuple[str, str], Line] = {}
    for each in figures:
        key = each["benchmark"], each["figure"]
        line = lines.setdefault(key, {name: each[name] for name in ("benchmark", "figure", "headline")})
        line.setdefault("models", {})[each["model"]] = each
    for line in lines.values():
        line["best"] = _leaders(line) if line["headline"] else []
    benchmarks = list(dict.fromkeys(line["benchmark"] for line in lines.values()))
    return sorted(
        lines.values(), key=lambda line: (benchmarks.index(line["benchmark"]), not line["headline"])
    )


def _leaders(line: Line) -> list[str]:
    """The models with the best value of a line; none where all have it."""
    sign = 1 if next(iter(line["models"].values()))["higher_is_better"] else -1
    values = {name: sign * own["value"] for name, own in line["models"].items()}
    best = [name for name, value in values.items() if value == max(values.values())]
    return best if len(best) < len(values) else []


def first_lines(lines: Sequence[Line]) -> tuple[list[Line], dict[str, int]]:
    """The first lines of each benchmark, and how many more it has: its page has all of them."""
    shown: list[Line] = []
    had, more = Counter[str](), Counter[str]()
    for line in lines:
        had[line["benchmark"]] += 1
        if had[line["benchmark"]] <= FIGURES:
            shown.append(line)
        else:
            more[line["benchmark"]] += 1
    return shown, dict(more)


def read_differences(path: Path, models: Sequence[str]) -> list[Line]:
    """Every two of some models on the figures that both have. Raises BadInput as `read_figures`."""
    columns: Columns = {
        "a": str, "b": str, "benchmark": str, "figure": str, "headline": _flag,
        "difference": float, "low": float, "high": float, "p_value": float, "units": int, "p_holm": float,
    }  # fmt: skip
    return [each for each in read_csv(path, columns) if {each["a"], each["b"]} <= set(models)]


def read_judged(where: Sources, models: Sequence[str]) -> list[Judged]:
    """What the judge said of every two of some models. Raises BadInput if a file is not right."""
    rows = tables.read(where.comparisons, COMPARISONS, ("benchmark", "a", "b", "verdict"))
    own = rows.filter(pl.col("a").is_in(models), pl.col("b").is_in(models))
    metrics = read_metrics(where.metrics) if own.height else {}
    if not isinstance(metrics, dict):
        raise BadInput(f"{where.metrics}: not the metrics of the stage compare")
    keys = ["benchmark", "a", "b"]
    found = []
    for (benchmark, a, b), said in own.sort(keys).group_by(keys, maintain_order=True):
        counts = {name: int((said["verdict"] == name).sum()) for name in VERDICTS}
        figures = metrics.get(f"{a} against {b}", {}).get(benchmark, {})
        found.append(Judged(str(a), str(b), str(benchmark), counts, said["verdict"].null_count(), figures))
    return found


def losses_of_items(counts: Mapping[str, Any]) -> list[Line]:
    """Items that a model lost, and questions whose judgment is unknown, by benchmark.

    counts: what the stage evaluate counted, by model.
    """
    return [
        {"model": model, "benchmark": name, "lost": own["in"] - own["out"]} | own
        for model, content in counts.items()
        for name, own in content.get("benchmarks", {}).items()
        if own["in"] != own["out"] or own["unread"]
    ]


def _number(text: str) -> float | None:
    return float(text) if text else None


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(f"{text[:40]!r} is neither true nor false")
    return text.lower() == "true"
