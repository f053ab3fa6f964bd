"""What a training takes, told before it is begun: the memory of each device, and the disk.

Memory is counted by these rules, N being the parameters that are tuned:

- mixed precision: 16 N bytes, which are 4 of weights, 4 of gradients and 8 of AdamW's two moments;
  DeepSpeed has 2 + 2 and 12 with its master weights. Under DDP bf16 computes with copies, 2 N more, and
  sums gradients of several devices in buckets, 4 N more. In bf16 alone it is 2 + 2 + 4.
- Weights that LoRA freezes: 2 bytes each; of QLoRA (arXiv:2305.14314) half a byte, and their scales.
- Of several devices each holds a share: of gradients and optimizer by ZeRO-2, of weights too by ZeRO-3 and
  FSDP (arXiv:1910.02054), which gather a layer to compute with it. What is offloaded is in the memory of
  the CPU.
- Activations by the formula of `activations`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import NamedTuple

from evobuild.core.machine import Training
from evobuild.training.params import Finetune
from evobuild.training.planning.activations import BF16, FP32, Pass, activation_bytes
from evobuild.training.planning.shapes import Shape, adapter_parameters, find_targeted_linears
from evobuild.training.running.micro_batch import ON_CPU, SPREAD

CONTEXT = 1 << 30
"""Bytes that CUDA takes for itself and that its allocator cannot use, about."""

_QUANTIZED = 0.5 + 1 / 64 + 4 / (64 * 256)
"""Bytes of a weight of 4 bits, with a scale of 8 bits for each 64, and one in fp32 for each 256 of these."""
_MOMENTS_8BIT = 2 * (1 + 4 / 256)
"""Bytes of two moments of 8 bits, with a scale in fp32 for each 256; those of embeddings stay in fp32."""


@dataclass(frozen=True)
class Load:
    """What is trained, and how it is spread.

    devices: of all nodes. tokens: of a micro-batch. cuda: on GPUs, where bf16 computes; else fp32 does.
    """

    params: Finetune
    strategy: str
    devices: int
    offload: bool
    tokens: int
    cuda: bool
    checkpointing: bool

    @property
    def sharded(self) -> bool:
        """Return whether each device holds a share of the weights."""
        return self.strategy in ("fsdp", "zero3")

    @property
    def width(self) -> int:
        """Bytes of a number that is computed with."""
        return BF16 if self.cuda else FP32


def plan_load(params: Finetune, machine: Training, processes: int, cuda: bool) -> Load:
    """Give what machine.yaml says, and what is done where it says nothing.

    processes: on this node. A micro-batch holds the longest example at least, of pairs both answers; where
    its size is found by trying it grows until memory is full, so this least one says whether it can be.
    """
    longest = params.max_length * (2 if params.method == "dpo" else 1)
    tried = ON_CPU if not cuda else longest if machine.strategy == "ddp" else SPREAD
    return Load(
        params=params,
        strategy=machine.strategy,
        devices=processes * machine.nodes,
        offload=machine.offload,
        tokens=max(machine.micro_batch or tried, longest),
        cuda=cuda,
        checkpointing=cuda if machine.gradient_checkpointing is None else machine.gradient_checkpointing,
    )


@dataclass(frozen=True)
class Memory:
    """Bytes that one device needs. reference: DPO's second model; context: CUDA's own."""

    weights: int
    gradients: int
    optimizer: int
    reference: int
    activations: int
    context: int

    @property
    def total(self) -> int:
        """Return the sum."""
        return sum(getattr(self, each.name) for each in fields(self))


def device_memory(shape: Shape, load: Load) -> Memory:
    """Bytes that each device needs, by the rules above."""
    tuned, copies = count_trained_parameters(shape, load.params), _copies(load)
    spread = load.offload and load.strategy != "ddp"
    optimizer = 0.0 if spread else _moment_bytes(shape, load.params) + copies.masters * tuned
    gradients = 0 if spread else copies.gradients * tuned
    weights = 0.0 if spread and load.sharded else copies.weights * tuned + _frozen_bytes(shape, load)
    gathered = _gathered_bytes(shape, load) if load.sharded else 0
    share = 1 if load.strategy == "ddp" else load.devices
    weights_share = load.devices if load.sharded else 1
    return Memory(
        weights=round(weights / weights_share + copies.computed * tuned + gathered),
        gradients=round(gradients / share),
        optimizer=round(optimizer / share),
        reference=round(_reference_bytes(shape, load) / weights_share),
        activations=activation_bytes(shape, _pass(load)),
        context=CONTEXT if load.cuda else 0,
    )


def host_bytes(shape: Shape, load: Load) -> int:
    """Bytes of the CPU's memory that offloading takes, of all devices together."""
    kept = device_memory(shape, replace(load, offload=False)).total
    return (kept - device_memory(shape, load).total) * load.devices


def checkpoint_bytes(shape: Shape, params: Finetune, cuda: bool) -> int:
    """Bytes of one checkpoint: the weights that are tuned, and their optimizer."""
    width = BF16 if _bf16_alone(params, cuda) else FP32
    return round(width * count_trained_parameters(shape, params) + _moment_bytes(shape, params))


def count_trained_parameters(shape: Shape, params: Finetune) -> int:
    """Parameters that are tuned: all, or those of LoRA."""
    lora = params.lora
    return adapter_parameters(shape, lora.rank, lora.targets) if lora.rank else shape.parameters


class _Copies(NamedTuple):
    """Bytes of a tuned parameter as it is held, of its gradient, its master copy, and one to compute with."""

    weights: int
    gradients: int
    masters: int = 0
    computed: int = 0


def _copies(load: Load) -> _Copies:
    if _bf16_alone(load.params, load.cuda):
        return _Copies(BF16, BF16)
    if load.strategy in ("zero2", "zero3"):
        return _Copies(BF16, BF16, masters=FP32)
    # FSDP casts each layer as it gathers it.
    buckets = FP32 if load.strategy == "ddp" and load.devices > 1 else 0
    return _Copies(FP32, FP32 + buckets, computed=BF16 if _autocast(load) else 0)


def _bf16_alone(params: Finetune, cuda: bool) -> bool:
    return cuda and params.precision == "bfloat16" and not params.lora.rank


def _autocast(load: Load) -> bool:
    """Return whether weights are in fp32 where computations use a shorter dtype."""
    return (
        load.cuda
        and load.strategy == "ddp"
        and load.params.precision == "mixed"
        and not load.params.lora.rank
    )


def _frozen_bytes(shape: Shape, load: Load) -> float:
    """Weights below an adapter."""
    if not load.params.lora.rank:
        return 0.0
    quantized = shape.linear if load.params.lora.quantize else 0
    return load.width * (shape.parameters - quantized) + _QUANTIZED * quantized


def _moment_bytes(shape: Shape, params: Finetune) -> float:
    tuned, lora = count_trained_parameters(shape, params), params.lora
    if params.optimizer == "adafactor":
        # Sums of rows and of columns, and no first moment (arXiv:1804.04235).
        linears = list(find_targeted_linears(shape, lora.targets)) if lora.rank else shape.linears
        sides = sum(each.inputs + each.outputs for each in linears)
        ranks = 2 * lora.rank * len(linears) if lora.rank else 2 * (shape.vocabulary + shape.hidden)
        return FP32 * (sides + ranks)
    if params.optimizer == "adamw_8bit":
        embedding = 0 if lora.rank else shape.embedding
        return _MOMENTS_8BIT * (tuned - embedding) + 2 * FP32 * embedding
    return 2.0 * tuned * (BF16 if params.precision == "bfloat16" and not lora.rank else FP32)


def _reference_bytes(shape: Shape, load: Load) -> int:
    """Count the bytes of DPO's reference; with LoRA it is the base with adapters disabled."""
    params = load.params
    if params.method != "dpo" or not params.dpo.reference or params.lora.rank:
        return 0
    return _copies(load).weights * shape.parameters


def _gathered_bytes(shape: Shape, load: Load) -> int:
    """Whole weights of a layer, of the next, of embedding and head; and a layer's whole gradients."""
    outside = shape.embedding + (0 if shape.tied else shape.head)
    return load.width * (3 * shape.layer + outside)


def _pass(load: Load) -> Pass:
    stream = FP32 if _autocast(load) or not load.cuda else BF16
    return Pass(load.tokens, load.width, stream, load.checkpointing, head=not load.params.lora.rank)
