"""What a recipe would cost, experiment by experiment, as `evobuild plan` says."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from experiments.recipe import runs
from experiments.recipe.design import Experiment
from experiments.recipe.views import NOTHING, line

COLUMNS = ("calls", "stored", "tokens", "cost")
TRAINING = ("steps", "trained tokens", "GPU hours")
"""Of all trainings; shown where something is tuned."""


def table(wanted: Sequence[Experiment]) -> str:
    """Ask for each experiment's plan, and lay the sums out, in Markdown.

    All are bounds. Experiments share replies, such as those on the seed, and each plan counts them as if it
    ran first. Raises UserError if DVC cannot tell.
    """
    plans = [_plan(each) for each in wanted]
    sums = [_sums(plan, COLUMNS) for plan in plans]
    trainings = [[stage["training"] for stage in plan if stage.get("training")] for plan in plans]
    heads, cells = list(COLUMNS), [_shown(own) for own in (*sums, _sums(sums, COLUMNS))]
    if any(trainings):
        trained = [_sums(map(_trained, own), TRAINING) for own in trainings]
        heads += TRAINING
        cells = [
            [*left, *_shown_training(right)]
            for left, right in zip(cells, [*trained, _sums(trained, TRAINING)], strict=True)
        ]
    factors = list(wanted[0].labels)
    labels = [[*each.labels.values()] for each in wanted] + [["all", *[""] * (len(factors) - 1)]]
    lines = [line([*factors, *heads]), line(["---"] * len(factors) + ["---:"] * len(heads))]
    lines += [line([*left, *right]) for left, right in zip(labels, cells, strict=True)]
    return "\n".join([*lines, *_notes(trainings)]) + "\n"


def _plan(experiment: Experiment) -> list[dict[str, Any]]:
    found = runs.plan(experiment.overrides, experiment.targets).splitlines()
    return [json.loads(stage) for stage in found]


def _sums(rows: Iterable[dict[str, Any]], names: Sequence[str]) -> dict[str, Any]:
    """Sum what is known; of the last name, if a part is unknown, nothing is."""
    known = [row for row in rows if row[names[0]] is not None]
    sums = {name: sum(row[name] or 0 for row in known) for name in names}
    last = names[-1]
    unknown = any(row[last] is None for row in known)
    return sums | ({last: None} if unknown else {})


def _trained(training: dict[str, Any]) -> dict[str, Any]:
    """A training as TRAINING has it."""
    hours = None if training["hours"] is None else training["hours"] * training["devices"]
    return dict(zip(TRAINING, (training["steps"], training["tokens"], hours), strict=True))


def _shown(sums: dict[str, Any]) -> list[str]:
    cost = sums["cost"]
    return [f"{sums[name]:,}" for name in COLUMNS[:3]] + [NOTHING if cost is None else f"{cost:,.2f}"]


def _shown_training(sums: dict[str, Any]) -> list[str]:
    hours = sums["GPU hours"]
    return [f"{sums[name]:,}" for name in TRAINING[:2]] + [NOTHING if hours is None else f"{hours:,.2f}"]


def _notes(trainings: Sequence[Sequence[dict[str, Any]]]) -> Iterator[str]:
    """What stands in the way of a figure."""
    every = [training for own in trainings for training in own]
    for problem in dict.fromkeys(training["problem"] for training in every if training["problem"]):
        yield f"\nGPU hours are not known: {problem}"
    if any(training["hours"] is None and not training["problem"] for training in every):
        yield "\nGPU hours need a GPU, or training.device_flops in machine.yaml."
