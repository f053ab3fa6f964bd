"""Benchmarks of programs: a problem and its tests, and pass@k of what a model writes.

Every program is examined in sandboxes, where the tests run apart from it (see sandbox/inside/examiner.py).
A sample fails if it does not load, a test fails, it is out of time or memory, or it leaves before the tests
end.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self, TypeVar

import polars as pl
from pydantic import Field, model_validator

from evobuild import sandbox
from evobuild.core.chat import Sampling
from evobuild.core.errors import BadInput
from evobuild.core.params import Count, Few
from evobuild.evaluation.benchmark import (
    FIGURE,
    Answer,
    Benchmark,
    Check,
    Item,
    Scored,
    Settings,
    Tools,
    last_prompt,
)
from evobuild.process.progress import metered
from evobuild.seeds.fields import Record, field_kind


@dataclass(frozen=True)
class Problem:
    """A problem as it is examined. canonical: the known solution, after `prompt`, which may be ''.

    setup, tests, check: see sandbox.Exam. function: the one that the program has to define.
    """

    task: str
    prompt: str
    canonical: str
    setup: str
    tests: str
    function: str
    check: str | None

    def exam(self, key: str, program: str) -> sandbox.Exam:
        """Make the exam of a whole program."""
        return sandbox.Exam(key, program, self.setup, self.tests, self.function, self.check)


def examine(exams: Iterable[sandbox.Exam], limits: sandbox.Limits) -> list[sandbox.Verdict]:
    """Give the verdict on every exam, in the order of their keys, which are numbers."""
    given = list(exams)
    verdicts = metered(sandbox.run_exams(given, limits), "sandbox", "programs", len(given))
    return sorted(verdicts, key=lambda verdict: int(verdict.key))


def pass_at_k(samples: int, passed: int, k: int) -> float:
    """Estimate the chance that at least one of k samples passes, without bias.

    samples: n of a problem. passed: c of them. Gives 1 - C(n - c, k) / C(n, k), from 0 to 1.

    Raises ValueError unless 0 <= c <= n and 1 <= k <= n. Source: arXiv:2107.03374, equation 1.
    """
    if not 0 <= passed <= samples or not 1 <= k <= samples:
        raise ValueError(f"pass@{k} of {passed} among {samples} samples is undefined")
    return 1.0 - math.comb(samples - passed, k) / math.comb(samples, k)


class Sampled(Settings):
    """samples: programs that are written for a problem. ks: of pass@k, those up to `samples`, and always 1.

    Several samples need a temperature above 0: greedy ones would be the same.
    """

    samples: Few = 1
    ks: Annotated[list[Count], Field(max_length=100)] = Field([1, 10, 100])

    @model_validator(mode="after")
    def _drawn(self) -> Self:
        if self.samples > 1 and self.temperature == 0:
            raise ValueError("expected a temperature above 0 where samples is more than 1")
        return self

    def sampling(self, seed: int, **others: Any) -> Sampling:
        """How all samples of a problem are drawn."""
        return super().sampling(seed, n=self.samples, **others)


S = TypeVar("S", bound=Sampled)


class CodeBenchmark(Benchmark[S]):
    """Programs that are examined in the sandbox, a row for each sample. An item's content has a `problem`."""

    needs = frozenset({"sandbox"})
    headline = "pass@1"

    @abstractmethod
    def program(self, item: Item, reply: str) -> str:
        """The whole program of a reply."""

    def score(self, answers: Sequence[Answer], tools: Tools) -> Iterator[Scored]:
        """Examine every sample. The check is `passed`, or is named for what failed it."""
        assert tools.limits is not None
        samples = [
            (answer, part, choice.text)
            for answer in answers
            for part, choice in enumerate(answer.replies[0].choices, 1)
        ]
        exams = (
            answer.item.content["problem"].exam(str(key), self.program(answer.item, text))
            for key, (answer, _, text) in enumerate(samples)
        )
        for (answer, part, text), verdict in zip(samples, examine(exams, tools.limits), strict=True):
            check = Check(verdict.error or "passed", float(verdict.passed))
            prompt = last_prompt(answer.asks[0])
            yield Scored(answer.item, prompt, text, float(verdict.passed), (check,), part)

    def figures(self, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        """Give pass@k, without bias, of the problems with at least k samples."""
        tried = rows.group_by(unit="item").agg(samples=pl.len(), passed=pl.col("score").sum().cast(pl.Int64))
        most = max(tried["samples"].to_list(), default=0)
        ks = [k for k in sorted({1, *self.settings.ks}) if k == 1 or k <= most]
        return {f"pass@{k}": _pass_figure(tried.sort("unit"), k) for k in ks}


def _pass_figure(tried: pl.DataFrame, k: int) -> pl.DataFrame:
    rows = [
        (unit, pass_at_k(samples, passed, k), 1.0)
        for unit, samples, passed in tried.iter_rows()
        if samples >= k
    ]
    return pl.DataFrame(rows, FIGURE, orient="row")


def task_id(record: Record, place: str) -> str:
    """The id of a problem. Raises BadInput if it is neither text nor a whole number."""
    found = record.get("task_id")
    if isinstance(found, str | int) and not isinstance(found, bool) and str(found).strip():
        return str(found)
    raise BadInput(f"{place}: 'task_id' is {field_kind(record, 'task_id')}; expected text or a whole number")


def text_list(record: Record, field: str, place: str, optional: bool = False) -> list[str]:
    """A list of texts. Raises BadInput if it is none; nothing is an empty list where it is optional."""
    found = record.get(field)
    if found is None and optional:
        return []
    if isinstance(found, list) and all(isinstance(each, str) for each in found):
        return found
    raise BadInput(f"{place}: '{field}' is {field_kind(record, field)}; expected a list of texts")
