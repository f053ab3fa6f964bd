"""What a recipe would cost, experiment by experiment, as `evobuild plan` says, all in this process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from evobuild.cli.plan import plan
from evobuild.cli.plan.stage_estimates import Estimate
from evobuild.cli.plan.training_estimates import TrainingEstimate
from evobuild.process.terminal import log
from experiments.recipe.design import Experiment
from experiments.recipe.views import NOTHING, line

COLUMNS = ("calls", "at most", "stored", "tokens", "cost")
TRAINING = ("steps", "trained tokens", "GPU hours, best", "slow")
"""Of all trainings; shown where something is tuned."""


def table(wanted: Sequence[Experiment]) -> str:
    """Plan each experiment, and lay the sums out, in Markdown.

    All are expected values, beside the bound of calls. Experiments share replies on the seed, and
    each plan counts them as if it ran first. Raises UserError if DVC cannot tell, or something is missing.
    """
    plans = []
    for number, each in enumerate(wanted, start=1):
        log(f"plan {number} of {len(wanted)}: {', '.join(each.labels.values())}")
        plans.append(plan.plan_stages(each.changes, each.targets).stages)
    sums = [_sums(map(_count_requests, stages), COLUMNS) for stages in plans]
    trainings = [[stage.training for stage in stages if stage.training] for stages in plans]
    heads, cells = list(COLUMNS), [_format_costs(own) for own in (*sums, _sums(sums, COLUMNS))]
    if any(trainings):
        trained = [_sums(map(_sum_trainings, own), TRAINING) for own in trainings]
        heads += TRAINING
        cells = [
            [*left, *_format_training(right)]
            for left, right in zip(cells, [*trained, _sums(trained, TRAINING)], strict=True)
        ]
    factors = list(wanted[0].labels)
    labels = [[*each.labels.values()] for each in wanted] + [["all", *[""] * (len(factors) - 1)]]
    lines = [line([*factors, *heads]), line(["---"] * len(factors) + ["---:"] * len(heads))]
    lines += [line([*left, *right]) for left, right in zip(labels, cells, strict=True)]
    chats = plan.format_gpu_notes(stage for stages in plans for stage in stages)
    return "\n".join([*lines, *_notes(trainings), *(f"\n{note}" for note in chats)]) + "\n"


def _count_requests(stage: Estimate) -> dict[str, Any]:
    """What a stage asks, as COLUMNS has it."""
    values = (stage.calls, stage.most.calls, stage.stored, stage.tokens, stage.cost)
    return dict(zip(COLUMNS, values, strict=True))


def _sums(rows: Iterable[dict[str, Any]], names: Sequence[str]) -> dict[str, Any]:
    """Sum what is known; of the last name, if a part is unknown, nothing is."""
    known = [row for row in rows if row[names[0]] is not None]
    sums = {name: sum(row[name] or 0 for row in known) for name in names}
    last = names[-1]
    unknown = any(row[last] is None for row in known)
    return sums | ({last: None} if unknown else {})


def _sum_trainings(training: TrainingEstimate) -> dict[str, Any]:
    """A training as TRAINING has it."""
    hours = [each and each * training.devices for each in (training.hours, training.most_hours)]
    return dict(zip(TRAINING, (training.steps, training.tokens, *hours), strict=True))


def _format_costs(sums: dict[str, Any]) -> list[str]:
    cost = sums["cost"]
    return [f"{sums[name]:,}" for name in COLUMNS[:-1]] + [NOTHING if cost is None else f"{cost:,.2f}"]


def _format_training(sums: dict[str, Any]) -> list[str]:
    is_known = sums[TRAINING[-1]] is not None
    hours = [f"{sums[name]:,.2f}" if is_known else NOTHING for name in TRAINING[2:]]
    return [f"{sums[name]:,}" for name in TRAINING[:2]] + hours


def _notes(trainings: Sequence[Sequence[TrainingEstimate]]) -> Iterator[str]:
    """Where estimates of hours come from, and why they may be missing."""
    every = [training for own in trainings for training in own]
    for problem in dict.fromkeys(training.problem for training in every if training.problem):
        yield f"\nGPU hours are not known: {problem}"
    for speed in dict.fromkeys(training.speed for training in every if training.speed):
        yield f"\nHours: {speed}."
