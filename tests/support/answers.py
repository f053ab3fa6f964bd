"""Answers of a model to a benchmark, from plain texts, and the table that comes of them."""

from __future__ import annotations

from fakes import reply

from evobuild.core.evaluation_tables import EVALUATION
from evobuild.core.tables import Columns
from evobuild.evaluation.benchmark import Answer, Tools
from evobuild.evaluation.evaluate import _evaluation_row


def answered(items, texts):
    """An answer to every item; texts: by item id."""
    return [Answer(item, (), (reply(item.id, texts[item.id]),)) for item in items]


def scored_rows(benchmark, answers, judge=None):
    """Score answers, as the rows of EVALUATION."""
    columns = Columns(EVALUATION)
    for scored in benchmark.score_items(answers, Tools(1, judge=judge)):
        columns.append(_evaluation_row("model", benchmark.name, scored))
    return columns.frame()


def values(figures):
    """The value of each figure, None of one without weight."""
    sums = {name: (figure["total"].sum(), figure["weight"].sum()) for name, figure in figures.items()}
    return {name: total / weight if weight else None for name, (total, weight) in sums.items()}
