"""Plan the calls of evaluation: to each model on its benchmarks, and to the judge."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from evobuild.cli.check.all_params import Params
from evobuild.cli.plan.amounts import Amount
from evobuild.cli.plan.assumptions import LENGTHS
from evobuild.cli.plan.benchmark_calls import BenchmarkLoad, count_benchmark_calls
from evobuild.cli.plan.earlier_replies import DEFAULT_TOKENS
from evobuild.cli.plan.planned_calls import PlannedCalls
from evobuild.evaluation.benchmark import Benchmark
from evobuild.evaluation.params import build_benchmarks, resolve_models
from evobuild.models.roles import EVALUATED

ORDERS = 2
"""Orders in which the judge sees a pair of replies."""


class EvaluationCalls:
    """Plans calls from params and, if they will be sampled again, the number of held-out rows."""

    def __init__(self, params: Params, held_out: Amount | None) -> None:
        self._params = params
        self._held_out = held_out

    def plan_evaluation(self, key: str) -> list[PlannedCalls]:
        found = self.benchmarks
        model = resolve_models(self._params.evaluate.models, self._params.bases)[key]
        first = max(1, found.asked)
        settings = (each.settings.max_tokens for each in self._built_benchmarks)
        most = max([found.longest, *settings], default=DEFAULT_TOKENS)
        own = PlannedCalls(
            str(model), EVALUATED, found.calls, found.prompt / first, found.reply / first, most
        )
        return [own, self._plan_judge_calls(Amount(found.questions, found.questions))]

    def _plan_judge_calls(self, questions: Amount) -> PlannedCalls:
        """Plan questions to the judge; retries count only in the bound, since they are rare."""
        given, model = self._params.evaluate.judge, self._params.models.judge
        lengths = LENGTHS["judge"]
        reply = (lengths.simulated if model.simulated else lengths.reply).fixed
        calls = Amount(questions.expected, questions.most * (1 + given.retries))
        return PlannedCalls(
            str(model), "judge", calls, lengths.prompt.fixed, min(reply, given.max_tokens), given.max_tokens
        )

    @cached_property
    def _built_benchmarks(self) -> list[Benchmark[Any]]:
        return build_benchmarks(self._params.evaluate.benchmarks, self._params.random_seed)

    @cached_property
    def benchmarks(self) -> BenchmarkLoad:
        """Count the calls of all benchmarks to one model."""
        return count_benchmark_calls(self._built_benchmarks, self._held_out)

    def plan_comparison(self) -> list[PlannedCalls]:
        """Plan questions about pairs of replies, as if every model answered every turn of every item."""
        given = self._params.compare
        named = {name: self._params.evaluate.benchmarks[name] for name in given.benchmarks}
        made = build_benchmarks(named, self._params.random_seed)
        return [self._plan_judge_calls(count_benchmark_calls(made).calls.times(len(given.pairs) * ORDERS))]
