"""A judge whose model answers by a function of the prompt, and benchmarks that it judges."""

from __future__ import annotations

from dataclasses import replace

from fakes import reply

from evobuild.core import tables
from evobuild.core.chat import Sampling
from evobuild.core.evaluation_tables import EVALUATION
from evobuild.evaluation.benchmark import Answer, Tools
from evobuild.evaluation.evaluate import _evaluation_row
from evobuild.evaluation.judge import Judge, JudgeSettings
from evobuild.evaluation.statistics import estimate_metric


class FakeModel:
    """Answers prompts by a function: a text, or a whole reply for a request; remembers the requests."""

    def __init__(self, answer):
        self.answer, self.asked = answer, []

    def generate(self, requests):
        for request in requests:
            self.asked.append(request)
            said = self.answer(request.messages[-1].content)
            yield reply(request.key, said) if isinstance(said, str) else replace(said, key=request.key)


def fake_judge(answer, retries=0, unparsed=1.0):
    """A judge; its requests are in `asked` of its model."""
    model = FakeModel(answer)
    return Judge(model, JudgeSettings(Sampling(max_tokens=100), retries, unparsed)), model


def answered(benchmark, say):
    """All items of a benchmark with what was asked and replied. say: gives the reply to an ask."""
    found = []
    for item in benchmark.read_items():
        asks, replies = [], []
        while more := benchmark.next_requests(item, replies):
            asks += more
            replies += [reply(str(place), say(ask)) for place, ask in enumerate(more)]
        found.append(Answer(item, tuple(asks), tuple(replies)))
    return found


def scored_rows(benchmark, answers, judge):
    """The rows of EVALUATION that scoring gives."""
    scored = benchmark.score_items(answers, Tools(benchmark.seed, judge=judge))
    return tables.frame(EVALUATION, [_evaluation_row("m", benchmark.name, each) for each in scored])


def figure_values(benchmark, rows):
    """The value of each figure that has one, by name."""
    figures = {name: estimate_metric(each, 200, 1) for name, each in benchmark.compute_metrics(rows).items()}
    return {name: each.value for name, each in figures.items() if each}
