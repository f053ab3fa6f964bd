"""What the stale trainings would take: steps, tokens, hours, disk, and the memory of each device.

Of a base its config is read and nothing else; of the toy not even that, so that no library is imported.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Set
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from evobuild.cli.check.params import Params
from evobuild.cli.plan.devices import Devices, as_accelerate_says, find_devices
from evobuild.cli.plan.fitting import fitting_changes
from evobuild.cli.plan.lengths import example_lengths
from evobuild.core.errors import UserError
from evobuild.core.machine import Machine, Training
from evobuild.core.table_parts import part_files
from evobuild.core.uri import Weights
from evobuild.training import scratch
from evobuild.training.params import DATASET, Finetune, settings_of_base
from evobuild.training.planning.estimates import (
    Memory,
    checkpoint_bytes,
    device_memory,
    host_bytes,
    planned_load,
    trained_parameters,
)
from evobuild.training.planning.flops import attended_length, training_flops_per_token
from evobuild.training.planning.shapes import Shape, llama_shape, model_shape
from evobuild.training.running.batches import step_count
from evobuild.weights import checkpoints
from evobuild.weights.sources import weights_source

TRAINING = Path("data/training.parquet")
DATASET_TABLE = Path("data/dataset.parquet")
GUESSED_TOKENS = 700
"""Of an example, where none is there to be measured."""


@dataclass(frozen=True)
class TrainingEstimate:
    """What tuning one base would take. problem: why nothing is known but examples, steps and tokens.

    exact: rows are counted, not bounded. tokens: of all epochs. hours: None where no peak is known. needed:
    bytes of each device; device: those that it has; host: those of offloading, of the CPU. fitting: changes
    with which it would fit, where it does not.
    """

    model: str
    problem: str = ""
    parameters: int = 0
    tuned: int = 0
    examples: int = 0
    exact: bool = True
    measured: bool = True
    steps: int = 0
    tokens: int = 0
    hours: float | None = None
    devices: int = 1
    memory: Memory | None = None
    needed: int = 0
    device: int = 0
    host: int = 0
    checkpoint: int = 0
    fitting: tuple[str, ...] = ()


class Rows(NamedTuple):
    """Rows that are trained on, counted or at most; and how long some of them are in tokens."""

    number: int
    exact: bool
    lengths: list[int]


class Trainings:
    """Knows params, machine, and how many rows a pool may get."""

    def __init__(
        self, values: Params, machine: Machine, stale: Set[str], pool_rows: Callable[[str], int]
    ) -> None:
        self._params = values
        self._machine = machine.training
        self._stale = stale
        self._pool_rows = pool_rows

    def estimate(self, name: str) -> TrainingEstimate:
        """Estimate the tuning of one base."""
        model = self._params.bases[name].model
        settings = settings_of_base(self._params.bases, name, self._params.finetune)
        try:
            shape = self._shape(model)
            rows = self._rows(settings, _tokenizer(model))
            machine = as_accelerate_says(self._machine)
        except UserError as error:
            return self._unknown(str(model), settings, "; ".join(str(error).splitlines()))
        devices = find_devices(machine)
        load = planned_load(settings, machine, devices.processes, devices.cuda)
        memory = device_memory(shape, load)
        tokens = self._tokens(settings, rows)
        return TrainingEstimate(
            model=str(model),
            parameters=shape.parameters,
            tuned=trained_parameters(shape, settings),
            examples=rows.number,
            exact=rows.exact,
            measured=bool(rows.lengths),
            steps=step_count(rows.number, settings.batch, settings.epochs),
            tokens=tokens,
            hours=_hours(tokens * _operations(shape, settings, rows), devices, machine),
            devices=load.devices,
            memory=memory,
            needed=memory.total,
            device=devices.memory,
            host=host_bytes(shape, load),
            checkpoint=checkpoint_bytes(shape, settings, devices.cuda),
            fitting=() if memory.total <= devices.memory else fitting_changes(shape, load, devices.memory),
        )

    def _unknown(self, model: str, settings: Finetune, problem: str) -> TrainingEstimate:
        """What follows from the rows alone, if those can be read."""
        try:
            rows = self._rows(settings, Path())
        except UserError:
            return TrainingEstimate(model, problem)
        return TrainingEstimate(
            model,
            problem,
            examples=rows.number,
            exact=rows.exact,
            measured=bool(rows.lengths),
            steps=step_count(rows.number, settings.batch, settings.epochs),
            tokens=self._tokens(settings, rows),
        )

    def _shape(self, model: Weights) -> Shape:
        if model.is_scratch:
            return llama_shape(vocab_size=self._params.scratch.vocabulary, **scratch.SIZES)
        return model_shape(checkpoints.causal_config(model))

    def _rows(self, settings: Finetune, tokenizer: Path) -> Rows:
        table = TRAINING if TRAINING.exists() else DATASET_TABLE
        lengths = [min(each, settings.max_length) for each in example_lengths(table, tokenizer)]
        if TRAINING.exists() and "gather" not in self._stale:
            return Rows(_height(TRAINING), True, lengths)
        return Rows(self._most_rows(settings), False, lengths)

    def _most_rows(self, settings: Finetune) -> int:
        """Rows that gather can find at most: those of a pool, or a share of those that are chosen from."""
        if settings.data != DATASET:
            return self._pool_rows(settings.data)
        if "select" not in self._stale:
            return _height(DATASET_TABLE)
        given = self._params.select
        there = sum(self._pool_rows(pool) for pool in given.pools_read(self._params.pools))
        seeds = self._pool_rows("r0") if given.keep_seeds else 0
        return min(there, seeds + min(math.ceil((given.share or 1) * there), given.count or sys.maxsize))

    def _tokens(self, settings: Finetune, rows: Rows) -> int:
        """Tokens of all epochs, as many of each example as of one that was measured."""
        examples = 2 if settings.method == "dpo" else 1
        mean = sum(rows.lengths) / len(rows.lengths) if rows.lengths else GUESSED_TOKENS
        return round(examples * mean * rows.number * settings.epochs)


def _operations(shape: Shape, settings: Finetune, rows: Rows) -> float:
    """Operations of one token."""
    return training_flops_per_token(
        shape,
        attended_length(rows.lengths) or GUESSED_TOKENS,
        adapters=trained_parameters(shape, settings) if settings.lora.rank else 0,
        reference=settings.method == "dpo" and settings.dpo.reference,
    )


def _hours(operations: float, devices: Devices, machine: Training) -> float | None:
    if devices.flops is None:
        return None
    return operations / (devices.flops * devices.processes * machine.nodes * machine.mfu) / 3600


def _tokenizer(model: Weights) -> Path:
    """The file of a base's tokenizer, be it there or not."""
    folder = model.name if model.is_scratch else weights_source(model)[0]
    return Path(folder) / "tokenizer.json"


def _height(table: Path) -> int:
    import polars as pl

    return int(pl.scan_parquet(part_files(table)).select(pl.len()).collect().item())
