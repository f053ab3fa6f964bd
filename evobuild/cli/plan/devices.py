"""Find the devices for training: from machine.yaml, else GPUs that PyTorch sees, else the CPU's memory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from evobuild.core.errors import UserError, require
from evobuild.core.machine import Training
from evobuild.core.yaml_files import read_yaml
from evobuild.training.planning.flops import peak_flops

GIB = 1 << 30
_DRIVERS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
"""Files of GPU drivers: NVIDIA, AMD, WSL. Without one, PyTorch need not be imported."""


class Devices(NamedTuple):
    """processes: on this node. memory: bytes of each device; flops: its peak a second, None if it is not
    known."""

    processes: int
    memory: int
    flops: float | None
    cuda: bool


def apply_accelerate_config(given: Training) -> Training:
    """Return settings overridden by the accelerate config file that they name, if any.

    Raises UserError if it cannot be read.
    """
    if given.accelerate is None:
        return given
    config = read_yaml(Path(given.accelerate))
    kind = str(config.get("distributed_type")).upper()
    own = config.get({"FSDP": "fsdp_config", "DEEPSPEED": "deepspeed_config"}.get(kind, "")) or {}
    offload = own.get("fsdp_offload_params") or own.get("offload_optimizer_device", "none") != "none"
    try:
        stage, nodes = int(own.get("zero_stage", 0)), int(config.get("num_machines", 1))
        processes = int(config.get("num_processes", nodes)) // nodes
    except (TypeError, ValueError, ZeroDivisionError) as error:
        raise UserError(f"{given.accelerate}: expected numbers of machines and processes: {error}") from error
    strategies = {"FSDP": "fsdp", "DEEPSPEED": {0: "ddp", 3: "zero3"}.get(stage, "zero2")}
    found = {"strategy": strategies.get(kind, "ddp"), "processes": max(1, processes), "nodes": nodes}
    return given.model_copy(update=found | {"offload": bool(offload)})


def find_devices(given: Training) -> Devices:
    """Find this machine's devices; values of machine.yaml take precedence.

    A given device memory, or sharding, implies GPUs. PyTorch is imported only if a driver is found.
    """
    name, memory, count = _find_gpus()
    cuda = bool(count) or given.device_memory is not None or given.strategy != "ddp"
    processes = given.processes or count or 1
    if given.device_memory is not None:
        memory = round(given.device_memory * GIB)
    flops = peak_flops(name) if given.device_flops is None else given.device_flops * 1e12
    return Devices(processes, memory or _read_main_memory() // processes, flops, cuda)


def _find_gpus() -> tuple[str, int, int]:
    """Return name and memory of the first GPU, and the number of GPUs; ("", 0, 0) without one."""
    if not any(Path(driver).exists() for driver in _DRIVERS):
        return "", 0, 0
    cuda = require("torch", "train").cuda
    if not cuda.is_available():
        return "", 0, 0
    first = cuda.get_device_properties(0)
    return first.name, first.total_memory, cuda.device_count()


def _read_main_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
