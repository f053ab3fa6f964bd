"""Define benchmarks of programs: problems with tests, and pass@k of the model's programs.

Every program runs in a sandbox, and its tests in another process (see sandbox/inside/examiner.py). A sample
fails if it does not load, fails a test, exceeds time or memory, or exits before the tests end.
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
    last_message,
)
from evobuild.process.progress import metered
from evobuild.seeds.fields import Record, field_kind


@dataclass(frozen=True)
class Problem:
    """One problem. canonical: the known solution, to append to `prompt`, which may be ''.

    setup, tests, check: see sandbox.Exam. function: the name that the program has to define.
    """

    task: str
    prompt: str
    canonical: str
    setup: str
    tests: str
    function: str
    check: str | None

    def make_exam(self, key: str, program: str) -> sandbox.Exam:
        """Build the exam of a whole program."""
        return sandbox.Exam(key, program, self.setup, self.tests, self.function, self.check)


def examine_programs(exams: Iterable[sandbox.Exam], limits: sandbox.Limits) -> list[sandbox.Verdict]:
    """Run all exams in the sandbox; return the verdicts in order of the keys, which are numbers."""
    given = list(exams)
    verdicts = metered(sandbox.run_exams(given, limits), "sandbox", "programs", len(given))
    return sorted(verdicts, key=lambda verdict: int(verdict.key))


def estimate_pass_at_k(samples: int, passed: int, k: int) -> float:
    """Estimate without bias the probability that at least one of k samples passes.

    Args:
        samples: n, of one problem.
        passed: c, the number that passed.

    Returns:
        1 - C(n - c, k) / C(n, k), from 0 to 1. Source: arXiv:2107.03374, equation 1.

    Raises:
        ValueError: unless 0 <= c <= n and 1 <= k <= n.
    """
    if not 0 <= passed <= samples or not 1 <= k <= samples:
        raise ValueError(f"pass@{k} of {passed} among {samples} samples is undefined")
    return 1.0 - math.comb(samples - passed, k) / math.comb(samples, k)


class SampledSettings(Settings):
    """samples: programs to generate per problem. ks: k of pass@k, up to `samples`; 1 is always computed.

    Several samples need a temperature above 0: greedy ones would be equal.
    """

    samples: Few = 1
    ks: Annotated[list[Count], Field(max_length=100)] = Field([1, 10, 100])

    @model_validator(mode="after")
    def _check_temperature(self) -> Self:
        if self.samples > 1 and self.temperature == 0:
            raise ValueError("expected a temperature above 0 where samples is more than 1")
        return self

    def sampling(self, seed: int, **others: Any) -> Sampling:
        """Return how all samples of a problem are sampled."""
        return super().sampling(seed, n=self.samples, **others)


S = TypeVar("S", bound=SampledSettings)


class CodeBenchmark(Benchmark[S]):
    """Run programs in the sandbox, one row per sample. An item's content has a `problem`."""

    needs = frozenset({"sandbox"})
    headline = "pass@1"

    @abstractmethod
    def extract_reply_program(self, item: Item, reply: str) -> str:
        """Return the whole program of a reply."""

    def score_items(self, answers: Sequence[Answer], tools: Tools) -> Iterator[Scored]:
        """Run every sample. The check is `passed`, or the name of the failure."""
        assert tools.limits is not None
        samples = [
            (answer, part, choice.text)
            for answer in answers
            for part, choice in enumerate(answer.replies[0].choices, 1)
        ]
        exams = (
            answer.item.content["problem"].make_exam(str(key), self.extract_reply_program(answer.item, text))
            for key, (answer, _, text) in enumerate(samples)
        )
        for (answer, part, text), verdict in zip(samples, examine_programs(exams, tools.limits), strict=True):
            check = Check(verdict.error or "passed", float(verdict.passed))
            prompt = last_message(answer.asks[0])
            yield Scored(answer.item, prompt, text, float(verdict.passed), (check,), part)

    def compute_metrics(self, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        """Compute pass@k, without bias, over the problems with at least k samples."""
        tried = rows.group_by(unit="item").agg(samples=pl.len(), passed=pl.col("score").sum().cast(pl.Int64))
        most = max(tried["samples"].to_list(), default=0)
        ks = [k for k in sorted({1, *self.settings.ks}) if k == 1 or k <= most]
        return {f"pass@{k}": _pass_metric(tried.sort("unit"), k) for k in ks}


def _pass_metric(tried: pl.DataFrame, k: int) -> pl.DataFrame:
    rows = [
        (unit, estimate_pass_at_k(samples, passed, k), 1.0)
        for unit, samples, passed in tried.iter_rows()
        if samples >= k
    ]
    return pl.DataFrame(rows, FIGURE, orient="row")


def read_task_id(record: Record, place: str) -> str:
    """Return the id of a problem. Raises BadInput unless it is text or a whole number."""
    found = record.get("task_id")
    if isinstance(found, str | int) and not isinstance(found, bool) and str(found).strip():
        return str(found)
    raise BadInput(f"{place}: 'task_id' is {field_kind(record, 'task_id')}; expected text or a whole number")


def read_text_list(record: Record, field: str, place: str, optional: bool = False) -> list[str]:
    """Return a list of texts. Raises BadInput for anything else; if optional, a missing field is an empty
    list.
    """
    found = record.get(field)
    if found is None and optional:
        return []
    if isinstance(found, list) and all(isinstance(each, str) for each in found):
        return found
    raise BadInput(f"{place}: '{field}' is {field_kind(record, field)}; expected a list of texts")
