"""The trainings of a plan as text: two tables, and what to change where memory does not suffice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from evobuild.cli.plan.devices import GIB
from evobuild.cli.plan.layout import shown
from evobuild.cli.plan.training import TrainingEstimate
from evobuild.process.terminal import aligned

if TYPE_CHECKING:
    from evobuild.cli.plan.estimates import Estimate

WORK = ("training", "parameters", "tuned", "examples", "steps", "tokens", "hours", "checkpoint")
MEMORY = ("weights", "gradients", "optimizer", "activations", "other", "needed", "there")

Named = tuple[str, TrainingEstimate]


def training_lines(planned: Sequence[Estimate]) -> Iterator[str]:
    """Say what each training of a plan takes; nothing where none is stale."""
    found = [(each.stage, each.training) for each in planned if each.training]
    known = [(stage, training) for stage, training in found if not training.problem]
    if found:
        yield ""
    if known:
        yield from aligned([WORK, *(_work(*each) for each in known)], range(1, len(WORK)))
        yield ""
        header = ("GiB of each device", *MEMORY)
        yield from aligned([header, *(_memory(*each) for each in known)], range(1, len(header)))
        yield from _notes(known)
    for stage, training in found:
        if training.problem:
            yield f"{stage}: {_by_name(training)}memory is not planned: {training.problem}"


def _by_name(training: TrainingEstimate) -> str:
    if training.hours is None:
        return ""
    return f"{_hours(training.hours)} to {_hours(training.most_hours)} hours by the size in its name, "


def _work(stage: str, training: TrainingEstimate) -> tuple[str, ...]:
    return (
        stage,
        f"{training.parameters / 1e6:,.1f} M",
        f"{training.tuned / 1e6:,.1f} M",
        _number(training, training.examples, training.most_examples),
        _number(training, training.steps, training.most_steps),
        f"~ {shown(training.tokens)}",
        f"{_hours(training.hours)} to {_hours(training.most_hours)}",
        f"{_gib(training.checkpoint)} GiB",
    )


def _number(training: TrainingEstimate, expected: int, most: int) -> str:
    """What is counted; else what is expected, and at most."""
    return shown(expected) if training.exact else f"~ {shown(expected)} ≤ {shown(most)}"


def _hours(hours: float | None) -> str:
    return shown(hours, "", 1 if (hours or 0) >= 1 else 3)


def _memory(stage: str, training: TrainingEstimate) -> tuple[str, ...]:
    memory = training.memory
    assert memory is not None
    other = memory.reference + memory.context
    parts = (memory.weights, memory.gradients, memory.optimizer, memory.activations, other, memory.total)
    of = f" of {training.devices}" if training.devices > 1 else ""
    return (stage + of, *map(_gib, (*parts, training.device)))


def _gib(size: int) -> str:
    return f"{size / GIB:,.1f}" if size >= GIB else f"{size / GIB:.3f}"


def _notes(known: Sequence[Named]) -> Iterator[str]:
    for speed in dict.fromkeys(training.speed for _, training in known):
        yield f"hours: {speed}"
    if not all(training.measured for _, training in known):
        yield "tokens are a guess: there is no row yet whose length could be measured"
    for stage, training in known:
        if training.memory is not None and training.memory.total > training.device:
            changes = " or ".join(training.fitting) or "a smaller base, or more or larger devices"
            yield f"{stage} does not fit: take {changes}"
        elif training.host:
            yield f"{stage}: {training.host / GIB:,.0f} GiB of the CPU's memory, which is offloaded to"
