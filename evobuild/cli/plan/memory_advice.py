"""Find changes with which a training fits into the memory of a device."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from evobuild.cli.plan.devices import GIB
from evobuild.training.params import Finetune
from evobuild.training.planning.estimates import Load, device_memory, host_bytes
from evobuild.training.planning.shapes import Shape

_SAID = 2
"""Changes that are suggested, at most."""


def find_fitting_changes(shape: Shape, load: Load, device: int) -> tuple[str, ...]:
    """Return changes with which the training fits, smallest first; () if no known change is enough.

    Args:
        device: bytes of each device.
    """
    return tuple(islice(_iterate_fitting_changes(shape, load, device), _SAID))


def _iterate_fitting_changes(shape: Shape, load: Load, device: int) -> Iterator[str]:
    for adapted, params in _vary_training(load):
        for spread, changed in _vary_machine(load):
            changed = replace(changed, params=params)
            needed = device_memory(shape, changed).total
            if needed <= device:
                host = host_bytes(shape, changed)
                beside = f", and {host / GIB:,.0f} of the CPU's" if host else ""
                yield f"{' and '.join(filter(None, (adapted, spread)))} ({needed / GIB:,.1f} GiB{beside})"


def _vary_machine(load: Load) -> Iterator[tuple[str, Load]]:
    """Yield changes of machine.yaml, which do not affect the trained model."""
    yield "", load
    longest = load.params.max_length * (2 if load.params.method == "dpo" else 1)
    least = replace(load, checkpointing=True, tokens=longest)
    if least != load:
        yield f"training.micro_batch {longest}, gradient_checkpointing true", least
    if load.cuda and load.devices > 1 and not load.sharded:
        yield "training.strategy fsdp", replace(least, strategy="fsdp")
    if load.cuda and load.sharded and not load.offload:
        yield "training.offload true", replace(least, offload=True)
    if load.cuda and not load.sharded:
        yield "training.strategy fsdp, offload true", replace(least, strategy="fsdp", offload=True)


def _vary_training(load: Load) -> Iterator[tuple[str, Finetune]]:
    """Yield changes of the training's params, which do affect the trained model."""
    params, lora = load.params, load.params.lora
    yield "", params
    if not lora.rank:
        yield "finetune.lora.rank 8", _with_lora(params, rank=8)
    if load.cuda and not lora.quantize:
        yield "finetune.lora.quantize 4, lora.rank 8", _with_lora(params, rank=lora.rank or 8, quantize=4)


def _with_lora(params: Finetune, **changes: object) -> Finetune:
    return params.model_copy(update={"lora": params.lora.model_copy(update=changes)})
