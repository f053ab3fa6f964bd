"""Benchmarks with settings, and answers to them that a test writes."""

from __future__ import annotations

from typing import Any

import polars as pl

from evobuild.core import tables
from evobuild.core.chat import Choice, Reply
from evobuild.core.evaluation_tables import EVALUATION
from evobuild.evaluation import evaluate
from evobuild.evaluation.benchmark import Answer, Benchmark, Tools
from evobuild.evaluation.benchmarks import benchmark_class


def benchmark(name: str, **settings: Any) -> Benchmark[Any]:
    """A benchmark of this name."""
    kind = benchmark_class(name)
    return kind(name, kind.settings_type.model_validate(settings), 1)


def answered(found: Benchmark[Any], replies: list[str | list[str]]) -> list[Answer]:
    """The first items with their replies, a list of several samples."""
    answers = []
    for item, texts in zip(found.read_items(), replies, strict=False):
        choices = tuple(Choice(text, "stop", 1) for text in ([texts] if isinstance(texts, str) else texts))
        answers.append(Answer(item, tuple(found.next_requests(item, ())), (Reply(item.id, choices, 1),)))
    return answers


def rows_of(found: Benchmark[Any], answers: list[Answer], tools: Tools | None = None) -> pl.DataFrame:
    """The rows of EVALUATION that come of answers."""
    scored = found.score_items(answers, tools or Tools(1))
    return tables.frame(EVALUATION, [evaluate._evaluation_row("model", found.name, each) for each in scored])


def value(figure: pl.DataFrame) -> float:
    """What a figure comes to."""
    return float(figure["total"].sum() / figure["weight"].sum())
