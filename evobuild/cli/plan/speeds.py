"""Assumed speeds of models that have not replied yet, by engine and size, each with its source."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from evobuild.cli.plan.devices import Devices, find_devices
from evobuild.cli.plan.flops import (
    GUESSED_CHAT,
    count_toy_parameters,
    estimate_folder_parameters,
    read_active_size,
    read_size_in_name,
)
from evobuild.cli.plan.planned_calls import PlannedCalls
from evobuild.cli.plan.planned_rows import PlannedRows
from evobuild.core.machine import Machine, Training
from evobuild.core.uri import SCRATCH

SIMULATED_CALL = 0.00025
"""Seconds of a call of the simulated model: 4,100 rows/s of `evolve` (docs/scale.md)."""
TUNED = "models/tuned/"
STREAM = 50.0
"""Tokens/s of each call to a server: an assumption. `openai.concurrency` calls are in flight."""
H100 = 989e12
"""Peak FLOP/s (dense bf16) of the GPU to which the speeds below refer."""
WRITTEN = 10_000.0
"""Tokens a second that vLLM writes with 8 billion weights in bf16 on one H100; about 12,500 are published
(www.morphllm.com/vllm-benchmarks: Llama 3.1 8B), 3,363 on an A100 (DeepSeek-R1-Distill-Qwen-7B)."""
SIZE = 8e9
READING = 0.4
"""Share of the peak FLOP/s at which prompts are read and rows scored: an assumption, as in docs/scale.md."""
GPU_SOURCE = (
    "of one H100 unless the GPU is known, by the size in the model's config or name. vLLM writes 10,000 "
    "tokens/s with 8 billion weights (12,500 are published), transformers a twentieth of that; prompts are "
    "read at 40% of the peak"
)
STATIC_BATCHES = 1 / 20
"""Speed of transformers' static batches beside vLLM: up to 23 times slower were published
(www.anyscale.com/blog/continuous-batching-llm-inference)."""
CPU = 5e10
"""FLOP/s of two CPU cores with PyTorch, MEASURED with an embedder of 23 million weights."""
CPU_TOY = 8e9
"""FLOP/s of a model with fewer than SMALL weights: small matrices are slower. MEASURED with the toy model."""
SMALL = 5e6
CPU_TOKEN = 0.0015
"""Overhead of transformers on a CPU, in seconds per written token: MEASURED with the toy model."""
LOADING = {"vllm": 60.0, "transformers": 15.0}
"""Seconds until an engine has loaded a model of several billion weights: an assumption."""


ALPACA = 0.025
"""Share of the peak FLOP/s that Stanford's Alpaca reached, the slow case: short rows, padded, four to a pass.

LLaMA 7B, 3 epochs of 52,002 rows of some 105 tokens, took 3 hours on 8 A100 80GB
(crfm.stanford.edu/2023/03/13/alpaca.html): 6 * 6.7e9 * 1.64e7 / (8 * 312e12 * 10,800). The best case is
`training.mfu` of machine.yaml, 0.4. For comparison, torchtune's README publishes 1,650 tokens/s for Llama 3.1
8B on an RTX 4090, its rows packed to 2,048 tokens, which is 0.48 of the peak."""
CPU_RANGE = 3.0
"""Times that a training on a CPU may be faster or slower than `CPU`: an assumption."""


class TrainingSpeed(NamedTuple):
    """FLOP/s of all devices together. source: of both numbers, in words."""

    best: float
    slow: float
    source: str


def choose_cpu_speed(parameters: float) -> float:
    """Return the assumed FLOP/s of a model on a CPU."""
    return CPU if parameters >= SMALL else CPU_TOY


def estimate_training_speed(devices: Devices, given: Training, parameters: float) -> TrainingSpeed:
    """Estimate the speed of a training on these devices with the settings of machine.yaml."""
    number = devices.processes * given.nodes
    if devices.flops is None and not devices.cuda:
        usual = choose_cpu_speed(parameters)
        best, slow = usual * CPU_RANGE, usual / CPU_RANGE
        words = f"from {best / 1e9:,.0f} to {slow / 1e9:,.0f} GFLOP/s, as measured on two CPU cores"
        return TrainingSpeed(best, slow, f"{words}; training.device_flops plans for a GPU")
    peak, unknown = (devices.flops or H100) * number, "" if devices.flops else ", as on an H100"
    slow = min(ALPACA, given.mfu)
    words = (
        f"from {given.mfu:.0%} of the peak (training.mfu; 48% are published for packed rows by torchtune) "
        f"to {slow:.1%} (Stanford's Alpaca, 7B: 3 hours on 8 A100){unknown}"
    )
    return TrainingSpeed(peak * given.mfu, peak * slow, words)


class Time(NamedTuple):
    """seconds: of wall clock. gpu: seconds of GPUs, 0 on a CPU or a server."""

    seconds: float
    gpu: float = 0.0


def find_chat_parameters(given: PlannedRows, name: str) -> tuple[float, float]:
    """Return a chat model's parameters, and those that are active per token."""
    if name.startswith(TUNED) and (base := given.params.bases.get(name.removeprefix(TUNED))):
        name = base.model.name
    if name == SCRATCH:
        size = count_toy_parameters(given)
        return size, size
    found = estimate_folder_parameters(Path(name)) or read_size_in_name(name) or GUESSED_CHAT
    return found, min(found, read_active_size(name) or found)


class Speeds:
    """Estimates times on this machine."""

    def __init__(self, settings: Machine) -> None:
        self._machine = settings
        self._devices = find_devices(settings.training)

    @property
    def _peak(self) -> float:
        """Peak FLOP/s of a GPU; that of an H100 if there is no GPU or its peak is unknown."""
        return self._devices.flops or H100

    def estimate_seconds(self, operations: float, parameters: float) -> float:
        """Estimate the seconds of a model's operations on all GPUs or the CPU."""
        if not self._devices.cuda:
            return operations / choose_cpu_speed(parameters)
        number = self._machine.measuring.processes or self._devices.processes
        return operations / (self._peak * READING * number)

    def estimate_calls(self, given: PlannedRows, asking: PlannedCalls, calls: float, reply: float) -> Time:
        """Estimate the time of calls to a model that has not replied yet. reply: tokens of each."""
        engine, _, rest = asking.model.partition(":")
        if engine == "simulated":
            return Time(calls * SIMULATED_CALL)
        if engine == "openai":
            servers = self._machine.openai.base_url or [""]
            flight = min(self._machine.openai.concurrency * len(servers), max(1.0, calls))
            return Time(calls * reply / STREAM / flight)
        name = rest.partition("@")[0].partition("[")[0]
        size, met = find_chat_parameters(given, name)
        if engine == "transformers" and not self._devices.cuda:
            each = 2 * met * (asking.prompt + reply) / choose_cpu_speed(met) + reply * CPU_TOKEN
            return Time(calls * each)
        written = WRITTEN * SIZE / met * self._peak / H100
        written *= STATIC_BATCHES if engine == "transformers" else 1
        gpu = calls * (reply / written + asking.prompt * 2 * met / (self._peak * READING))
        replicas = (self._machine.ray.replicas or 1) if self._machine.ray and engine == "vllm" else 1
        return Time(gpu / replicas + LOADING[engine] * (size >= 1e9), gpu)
