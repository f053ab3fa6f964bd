"""The processes of a training: this one alone, or one for each device under torchrun or accelerate.

They are children of the stage: they write to its standard error, and die with it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from evobuild.core.errors import UserError, require
from evobuild.core.machine import Training
from evobuild.process.supervision import die_with_parent
from evobuild.process.terminal import log
from evobuild.training.running import job, worker

LOCAL = "127.0.0.1"
ALLOCATOR = ("PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF")
"""Environment variables of PyTorch's allocator, in order of precedence (torch 2.13,
CUDAAllocatorConfig.h).
"""


def run_job(folder: Path, machine: Training) -> None:
    """Train the job in a folder on the devices that machine.yaml names; blocks until it is done.

    Raises UserError with what the first process said that failed.
    """
    (folder / job.FAILURE).unlink(missing_ok=True)
    if _gpus() and not any(name in os.environ for name in ALLOCATOR):
        # Micro-batches differ in size: blocks of one would not do for the next. Read at the first allocation.
        os.environ[ALLOCATOR[1]] = "expandable_segments:True"
    if machine.accelerate:
        _accelerate(folder, machine.accelerate)
    elif is_alone(machine):
        worker.train(folder)
    else:
        _torchrun(folder, machine)


def process_count(machine: Training) -> int:
    """Processes of this node: as asked for, else one for each GPU, or one on a CPU.

    Raises UserError if there are fewer GPUs.
    """
    gpus = _gpus()
    if gpus and machine.processes and machine.processes > gpus:
        raise UserError(
            f"machine.yaml: training.processes is {machine.processes}, and this machine shows {gpus} GPUs; "
            "expected no more"
        )
    return machine.processes or gpus or 1


def is_alone(machine: Training) -> bool:
    """Return whether this process does the whole training.

    Of several GPUs transformers would make its slow DataParallel in it, so there even one is started apart.
    """
    return process_count(machine) * machine.nodes == 1 and machine.strategy == "ddp" and _gpus() < 2


def _gpus() -> int:
    torch = require("torch", "train")
    count: int = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return count


def _torchrun(folder: Path, machine: Training) -> None:
    """Start the processes of this node, and wait for them, as `torchrun` does."""
    api: Any = require("torch.distributed.launcher.api", "train")
    errors: Any = require("torch.distributed.elastic.multiprocessing.errors", "train")
    is_one_node = machine.nodes == 1
    if is_one_node:
        # No other machine has a part in it: sums go over the loopback, as all that listens here.
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    else:
        _invite(folder, machine)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    config = api.LaunchConfig(
        min_nodes=machine.nodes,
        max_nodes=machine.nodes,
        nproc_per_node=process_count(machine),
        run_id=folder.name,
        rdzv_backend="c10d" if is_one_node else "static",
        rdzv_endpoint=f"{LOCAL}:0" if is_one_node else f"{machine.main_address}:{machine.main_port}",
        rdzv_configs={} if is_one_node else {"rank": node_rank(machine), "timeout": 900},
        local_addr=LOCAL if is_one_node else None,
        max_restarts=0,
        monitor_interval=0.1,
    )
    try:
        api.elastic_launch(config, sys.executable)("-m", worker.__name__, str(folder))
    except errors.ChildFailedError as error:
        raise UserError(_failure(folder, "; its own output is above")) from error


def node_rank(machine: Training) -> int:
    """Return the number of this node: from machine.yaml, else $NODE_RANK, else 0, the node of the stage."""
    given = os.environ.get("NODE_RANK", "0")
    if machine.node_rank is None and not given.isdecimal():
        raise UserError(f"$NODE_RANK is {given[:40]!r}; expected the number of this node, from 0 on")
    found = int(given) if machine.node_rank is None else machine.node_rank
    if found >= machine.nodes:
        raise UserError(f"this is node {found} of {machine.nodes}; nodes are counted from 0 on")
    return found


def _invite(folder: Path, machine: Training) -> None:
    if node_rank(machine) == 0:
        log(
            f"waiting for {machine.nodes - 1} more nodes; on each of them, in this very folder:\n"
            f"  NODE_RANK=<1 … {machine.nodes - 1}> python -m {__name__} {os.path.relpath(folder)}"
        )


def _accelerate(folder: Path, config: str) -> None:
    """Have accelerate start the processes, as a config file of its own says."""
    if not Path(config).is_file():
        raise UserError(f"machine.yaml: training.accelerate is {config!r}, which is no file")
    command = ["-m", "accelerate.commands.launch", "--config_file", config]
    found = subprocess.run(
        [sys.executable, *command, "-m", worker.__name__, str(folder)],
        check=False,
        preexec_fn=die_with_parent,
    )
    if found.returncode:
        raise UserError(_failure(folder, f"; accelerate ended with {found.returncode}"))


def _failure(folder: Path, otherwise: str) -> str:
    file = folder / job.FAILURE
    said = file.read_text(encoding="utf-8").partition("\n\n")[0] if file.exists() else ""
    return said or f"a process of the training ended with an error{otherwise}"


def main() -> int:
    """Join a training as one of its other nodes. Its folder is what the first node says."""
    from evobuild.core.machine import load_machine

    folder = Path(sys.argv[1])
    if not (folder / job.SETTINGS).exists():
        raise UserError(f"{folder} holds no training; give the folder that the first node named")
    machine = load_machine().training
    if machine.nodes == 1 or node_rank(machine) == 0:
        raise UserError("the first node trains by the stage finetune; set $NODE_RANK and training.nodes here")
    run_job(folder, machine)
    return 0


if __name__ == "__main__":
    from evobuild.process.command_line import run_command

    raise SystemExit(run_command("training", main))
