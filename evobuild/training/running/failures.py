"""What may end a training, said so that the user knows what to change."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from evobuild.core.errors import UserError, require
from evobuild.training.running.job import Job

LOST = ("CUDA error", "NCCL", "ProcessGroup", "gloo", "Connection reset", "Connection closed", "device-side")
"""What an error says of a device or a process that is gone."""


@contextmanager
def explained(task: Job) -> Iterator[None]:
    """Raise UserError in place of what torch and PEFT say of memory, devices and targets."""
    torch = require("torch", "train")
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise UserError(_out_of_memory(task)) from error
    except MemoryError as error:
        raise UserError(_out_of_memory(task)) from error
    except ValueError as error:
        if "arget modules" not in str(error):
            raise
        raise UserError(
            f"finetune.lora.targets: {_line(error)}; give names of the model's linear layers, such as "
            "[q_proj, v_proj], or all-linear"
        ) from error
    except RuntimeError as error:
        if "DefaultCPUAllocator" in str(error):
            raise UserError(_out_of_memory(task)) from error
        if not any(each in str(error) for each in LOST):
            raise
        raise UserError(
            f"a device or a process of the training is gone: {_line(error)}; run again: it goes on from the "
            "last checkpoint (finetune.save_steps)"
        ) from error


def _out_of_memory(task: Job) -> str:
    return (
        f"the memory of a device is full while '{task.base}' is tuned; in machine.yaml lower "
        "training.micro_batch (tokens), or set training.strategy to fsdp or zero3, or training.offload; or "
        "tune fewer weights with finetune.lora.rank"
    )


def _line(error: Exception) -> str:
    """Format an error on one line, without addresses of objects."""
    return re.sub(r" at 0x[0-9a-f]+", "", " ".join(str(error).split()))[:200]
