"""How many tokens a device reads at once: as many as fit, found by trying."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evobuild.core.errors import require
from evobuild.training.running.job import Job

ON_CPU = 2048
"""Tokens of a micro-batch on a CPU: no more are any faster, and memory grows with them."""
SPREAD = 8192
"""Tokens of a micro-batch of a model spread over devices, or of pairs, unless an example is longer."""
MOST = 2**17
FILE = "micro_batch"
"""Of the job's folder: what was found, so that a training goes on with the same sums."""
ROOM = 0.92
"""Share of a GPU's memory that may be taken; freed memory is fragmented."""


def choose_budget(trainer: Any, task: Job, lengths: Sequence[int]) -> int:
    """Give the tokens of a micro-batch: what machine.yaml says, else what fits on every device."""
    torch = require("torch", "train")
    if task.machine.micro_batch:
        return task.machine.micro_batch
    if not torch.cuda.is_available():
        return ON_CPU
    if task.settings.method == "dpo" or task.machine.accelerate or task.machine.strategy != "ddp":
        # A model that is not spread yet takes more than it will; devices compare figures of pairs.
        return max(SPREAD, *lengths)
    if trainer.reading.layout == "alone":
        return max(lengths)
    known = task.folder / FILE
    if known.exists():
        return int(known.read_text())
    found = largest_budget(trainer, lengths)
    if trainer.accelerator.is_main_process:
        known.write_text(str(found))
    return found


def largest_budget(trainer: Any, lengths: Sequence[int]) -> int:
    """Double the rows of the longest example until they do not fit on some device; give their tokens."""
    torch = require("torch", "train")
    model, device = trainer.model.to(trainer.args.device), trainer.args.device
    place = max(range(len(lengths)), key=lambda each: lengths[each])
    tuned = sum(each.numel() for each in model.parameters() if each.requires_grad)
    room = torch.cuda.get_device_properties(device).total_memory * ROOM - 8 * tuned
    if trainer.args.gradient_checkpointing:
        # As `train` does before its first step.
        model.gradient_checkpointing_enable(trainer.args.gradient_checkpointing_kwargs)
    rows = 1
    while rows * lengths[place] <= MOST:
        fits = torch.tensor(float(_fits(trainer, model, trainer.trial(place, rows), room)), device=device)
        if trainer.accelerator.reduce(fits, "sum") < trainer.accelerator.num_processes:
            break
        rows *= 2
    return max(1, rows // 2) * lengths[place]


def _fits(trainer: Any, model: Any, batch: Any, room: float) -> bool:
    """Return whether a trial micro-batch leaves memory for the optimizer; no weight changes."""
    torch = require("torch", "train")
    torch.cuda.reset_peak_memory_stats()
    try:
        # `train` has accelerate put autocast around the model.
        with trainer.accelerator.autocast():
            trainer.learn(model, batch, sum(batch.lengths))
        return bool(torch.cuda.max_memory_allocated() < room)
    except torch.OutOfMemoryError:
        return False
    finally:
        model.zero_grad(set_to_none=True)
        torch.cuda.empty_cache()
