"""Format the trainings of a plan: two tables, and what to change if memory does not suffice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from evobuild.cli.plan.devices import GIB
from evobuild.cli.plan.number_text import format_number
from evobuild.cli.plan.training_estimates import TrainingEstimate
from evobuild.process.terminal import aligned

if TYPE_CHECKING:
    from evobuild.cli.plan.stage_estimates import Estimate

WORK = ("training", "parameters", "tuned", "examples", "steps", "tokens", "hours", "checkpoint")
MEMORY = ("weights", "gradients", "optimizer", "activations", "other", "needed", "there")

Named = tuple[str, TrainingEstimate]


def format_trainings(planned: Sequence[Estimate]) -> Iterator[str]:
    """Yield the lines about the trainings of a plan; nothing if no training is stale."""
    found = [(each.stage, each.training) for each in planned if each.training]
    known = [(stage, training) for stage, training in found if not training.problem]
    if found:
        yield ""
    if known:
        yield from aligned([WORK, *(_format_work(*each) for each in known)], range(1, len(WORK)))
        yield ""
        header = ("GiB of each device", *MEMORY)
        yield from aligned([header, *(_format_memory(*each) for each in known)], range(1, len(header)))
        yield from _iterate_notes(known)
    for stage, training in found:
        if training.problem:
            yield f"{stage}: {_format_hours_by_name(training)}memory is not planned: {training.problem}"


def _format_hours_by_name(training: TrainingEstimate) -> str:
    if training.hours is None:
        return ""
    least, most = _format_hours(training.hours), _format_hours(training.most_hours)
    return f"{least} to {most} hours by the size in its name, "


def _format_work(stage: str, training: TrainingEstimate) -> tuple[str, ...]:
    return (
        stage,
        f"{training.parameters / 1e6:,.1f} M",
        f"{training.tuned / 1e6:,.1f} M",
        _format_bounded(training, training.examples, training.most_examples),
        _format_bounded(training, training.steps, training.most_steps),
        f"~ {format_number(training.tokens)}",
        f"{_format_hours(training.hours)} to {_format_hours(training.most_hours)}",
        f"{_format_gib(training.checkpoint)} GiB",
    )


def _format_bounded(training: TrainingEstimate, expected: int, most: int) -> str:
    """Format a counted number, or an expected one with its bound."""
    return (
        format_number(expected) if training.exact else f"~ {format_number(expected)} ≤ {format_number(most)}"
    )


def _format_hours(hours: float | None) -> str:
    return format_number(hours, "", 1 if (hours or 0) >= 1 else 3)


def _format_memory(stage: str, training: TrainingEstimate) -> tuple[str, ...]:
    memory = training.memory
    assert memory is not None
    other = memory.reference + memory.context
    parts = (memory.weights, memory.gradients, memory.optimizer, memory.activations, other, memory.total)
    of = f" of {training.devices}" if training.devices > 1 else ""
    return (stage + of, *map(_format_gib, (*parts, training.device)))


def _format_gib(size: int) -> str:
    return f"{size / GIB:,.1f}" if size >= GIB else f"{size / GIB:.3f}"


def _iterate_notes(known: Sequence[Named]) -> Iterator[str]:
    for speed in dict.fromkeys(training.speed for _, training in known):
        yield f"hours: {speed}"
    if not all(training.measured for _, training in known):
        yield "tokens are a guess: no row exists yet whose length could be measured"
    for stage, training in known:
        if training.memory is not None and training.memory.total > training.device:
            changes = " or ".join(training.fitting) or "a smaller base, or more or larger devices"
            yield f"{stage} does not fit into memory: use {changes}"
        elif training.host:
            yield f"{stage}: offloads {training.host / GIB:,.0f} GiB to the CPU's memory"
