"""What happens between the steps of a training: checkpoints, held-out losses, and the end if it diverges."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from evobuild.core.errors import UserError
from evobuild.training.params import Finetune
from evobuild.training.planning.flops import mean_attended_length, peak_flops, training_flops_per_token
from evobuild.training.planning.shapes import model_shape
from evobuild.training.running import checkpointing
from evobuild.training.running.batches import step_count
from evobuild.training.running.job import Job
from evobuild.training.tracking.live_files import LiveFiles
from evobuild.training.tracking.progress import TrainingProgress, progress_callback


class Control(TrainerCallback):  # type: ignore[misc]
    """Has the trainer save and measure when it is time to; stops a training whose loss is no number."""

    def __init__(self, trainer: Any, task: Job) -> None:
        self._trainer, self._task = trainer, task
        examples, self._last = len(trainer.train_dataset), len(trainer.plan.steps)
        self._measured = evaluation_steps(examples, task.settings) if trainer.held_out else set()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        """Ask for what is due after a step."""
        step = state.global_step
        control.should_evaluate = step in self._measured
        control.should_save = step % self._task.settings.save_steps == 0 and step < self._last
        return control

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Say that a checkpoint is whole once every process has written its part."""
        self._trainer.accelerator.wait_for_everyone()
        if state.is_world_process_zero:
            checkpointing.complete(Path(args.output_dir) / f"checkpoint-{state.global_step}")
        self._trainer.accelerator.wait_for_everyone()

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **_: Any) -> None:
        """Stop a training that diverged."""
        for name in ("loss", "grad_norm"):
            if not math.isfinite(logs.get(name, 0.0)):
                raise UserError(
                    f"the {name.replace('_', ' ')} of step {state.global_step} is {logs[name]}: the training "
                    "diverged; lower finetune.learning_rate"
                )


def progress(trainer: Any, task: Job) -> Any:
    """Build the callback that shows progress and speed of a training."""
    plan, peak = trainer.plan, _peak_flops(trainer, task)
    tokens = [sum(plan.sizes.tokens[place] for place in places) for places in plan.steps]
    flops = _flops_per_token(trainer, task) if peak else 0.0
    return progress_callback(TrainingProgress(task.name, tokens, flops, peak, LiveFiles(task.name)))


def _peak_flops(trainer: Any, task: Job) -> float | None:
    """Return peak FLOP/s of all devices: from machine.yaml, else by the GPU's name; None if unknown."""
    given = task.machine.device_flops
    if given is None and not torch.cuda.is_available():
        return None
    peak = given * 1e12 if given else peak_flops(torch.cuda.get_device_name())
    return peak * trainer.accelerator.num_processes if peak else None


def _flops_per_token(trainer: Any, task: Job) -> float:
    lora = task.settings.lora.rank
    tuned = sum(each.numel() for each in trainer.model.parameters() if each.requires_grad)
    return training_flops_per_token(
        model_shape(trainer.model.config),
        mean_attended_length(trainer.plan.sizes.tokens),
        adapters=tuned if lora else 0,
        reference=task.settings.method == "dpo" and task.settings.dpo.reference,
    )


def evaluation_steps(examples: int, settings: Finetune) -> set[int]:
    """Return the steps that measure the held-out loss: the last, and every n-th or each epoch's last."""
    last = step_count(examples, settings.batch, settings.epochs)
    every = settings.eval_steps or math.ceil(examples / settings.batch)
    return {*range(every, last + 1, every), last}
