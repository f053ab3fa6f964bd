"""What benchmarks ask at most: calls of the model that is evaluated, and questions to the judge.

Counted from the items, without asking anything: what a reply leads to is not known before there is one.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from evobuild.evaluation.benchmark import Benchmark, drawn_items

HELD_OUT = "data/held_out.parquet"


class MostCalls(NamedTuple):
    """Calls of one model on some benchmarks, and questions to the judge, retries aside, at most.

    by_replies: whether a reply decides what is asked next. unknown: the
    benchmarks whose items are not there yet, which are not counted.
    """

    calls: int = 0
    questions: int = 0
    by_replies: bool = False
    unknown: tuple[str, ...] = ()


def most_calls(benchmarks: Iterable[Benchmark[Any]], held_out: int | None = None) -> MostCalls:
    """Count what some benchmarks ask at most.

    held_out: rows that may be held out, where those that are will be drawn anew.

    Raises BadInput at an item that is none.
    """
    calls = questions = 0
    by_replies = False
    unknown = []
    for benchmark in benchmarks:
        limit = benchmark.settings.limit
        if held_out is not None and benchmark.items_file == HELD_OUT:
            calls += held_out if limit is None else min(limit, held_out)
            continue
        if not all(Path(file).exists() for file in (benchmark.items_file, *benchmark.files)):
            unknown.append(benchmark.name)
            continue
        for item in drawn_items(benchmark.read_items(), limit, benchmark.seed):
            most, asked = benchmark.most_asks(item), benchmark.most_questions(item)
            calls, questions = calls + most, questions + asked
            by_replies = by_replies or bool(asked) or most > len(benchmark.asks(item, ()))
    return MostCalls(calls, questions, by_replies, tuple(unknown))
