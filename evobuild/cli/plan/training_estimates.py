"""Estimate stale trainings: steps, tokens, hours, disk, and the memory of each device.

Only the config of a base is read; for the toy not even that, so no library is imported.
"""

from __future__ import annotations

import math
from collections.abc import Set
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from evobuild.cli.check.all_params import Params
from evobuild.cli.plan.amounts import Amount, exact_amount
from evobuild.cli.plan.devices import apply_accelerate_config, find_devices
from evobuild.cli.plan.example_lengths import sample_lengths
from evobuild.cli.plan.flops import estimate_answer_tokens, read_active_size, read_size_in_name
from evobuild.cli.plan.memory_advice import find_fitting_changes
from evobuild.cli.plan.planned_rows import PlannedRows
from evobuild.cli.plan.seed_source import count_table_rows
from evobuild.cli.plan.speeds import TrainingSpeed, estimate_training_speed
from evobuild.core.errors import UserError
from evobuild.core.machine import Machine
from evobuild.core.uri import Weights
from evobuild.training import scratch
from evobuild.training.params import DATASET, Finetune, settings_of_base
from evobuild.training.planning.estimates import (
    Memory,
    checkpoint_bytes,
    count_trained_parameters,
    device_memory,
    host_bytes,
    plan_load,
)
from evobuild.training.planning.flops import mean_attended_length, training_flops_per_token
from evobuild.training.planning.shapes import Shape, llama_shape, model_shape
from evobuild.training.running.batches import step_count
from evobuild.weights import checkpoints
from evobuild.weights.sources import weights_source

TRAINING = Path("data/training.parquet")
DATASET_TABLE = Path("data/dataset.parquet")


@dataclass(frozen=True)
class TrainingEstimate:
    """The estimate of tuning one base. problem: why only examples, steps and tokens are known.

    exact: rows are counted; else examples, steps and tokens are expected values with the bounds `most_…`.
    tokens: of all epochs. hours: at the best assumed share of the peak; most_hours: at the slowest, with the
    most examples; usual_hours: at the geometric mean of both speeds. None if the size is unknown. speed: the
    source of both speeds.
    needed: bytes per device; device: bytes that each device has; host: bytes of CPU memory for offloading.
    fitting: changes with which it would fit, if it does not.
    """

    model: str
    problem: str = ""
    parameters: int = 0
    tuned: int = 0
    examples: int = 0
    most_examples: int = 0
    exact: bool = True
    measured: bool = True
    steps: int = 0
    most_steps: int = 0
    tokens: int = 0
    most_tokens: int = 0
    hours: float | None = None
    usual_hours: float | None = None
    most_hours: float | None = None
    speed: str = ""
    devices: int = 1
    memory: Memory | None = None
    needed: int = 0
    device: int = 0
    host: int = 0
    checkpoint: int = 0
    fitting: tuple[str, ...] = ()


class Rows(NamedTuple):
    """Training rows: their number, the tokens of a sample of them, and a guess if there is no sample."""

    number: Amount
    exact: bool
    lengths: list[int]
    guess: float

    @property
    def mean(self) -> float:
        """Mean tokens of an example: of the sample, else the guess from seed and responder."""
        return sum(self.lengths) / len(self.lengths) if self.lengths else self.guess


class Trainings:
    """Estimates trainings from params, machine.yaml and planned rows."""

    def __init__(self, values: Params, machine: Machine, stale: Set[str], rows: PlannedRows) -> None:
        self._params = values
        self._machine = machine.training
        self._stale = stale
        self._planned = rows

    def estimate(self, name: str) -> TrainingEstimate:
        """Estimate the tuning of one base."""
        model = self._params.bases[name].model
        settings = settings_of_base(self._params.bases, name, self._params.finetune)
        try:
            shape = self._read_shape(model)
            rows = self._plan_rows(settings, _tokenizer_path(model))
            machine = apply_accelerate_config(self._machine)
        except UserError as error:
            return self._estimate_without_config(str(model), settings, "; ".join(str(error).splitlines()))
        devices = find_devices(machine)
        load = plan_load(settings, machine, devices.processes, devices.cuda)
        memory = device_memory(shape, load)
        known = _estimate_from_rows(settings, rows, str(model))
        each = _count_token_flops(shape, settings, rows)
        speed = estimate_training_speed(devices, machine, shape.parameters)
        return replace(
            known,
            parameters=shape.parameters,
            tuned=count_trained_parameters(shape, settings),
            **_estimate_hours(known, each, speed),
            devices=load.devices,
            memory=memory,
            needed=memory.total,
            device=devices.memory,
            host=host_bytes(shape, load),
            checkpoint=checkpoint_bytes(shape, settings, devices.cuda),
            fitting=()
            if memory.total <= devices.memory
            else find_fitting_changes(shape, load, devices.memory),
        )

    def _estimate_without_config(self, model: str, settings: Finetune, problem: str) -> TrainingEstimate:
        """Estimate from the rows alone, and from the size in the model's name."""
        try:
            rows = self._plan_rows(settings, Path())
        except UserError:
            return TrainingEstimate(model, problem)
        known = replace(_estimate_from_rows(settings, rows, model), problem=problem)
        size = read_size_in_name(model)
        if size is None:
            return known
        # Without a config, the size in its name still gives the hours, except those of attention.
        devices = find_devices(self._machine)
        speed = estimate_training_speed(devices, self._machine, size)
        each = (4 if settings.lora.rank else 6) * (read_active_size(model) or size)
        return replace(
            known, parameters=round(size), devices=devices.processes, **_estimate_hours(known, each, speed)
        )

    def _read_shape(self, model: Weights) -> Shape:
        if model.is_scratch:
            return llama_shape(vocab_size=self._params.scratch.vocabulary, **scratch.SIZES)
        found = (
            _read_hub_shape(model) if not model.is_local else model_shape(checkpoints.causal_config(model))
        )
        if isinstance(found, UserError):
            raise found
        return found

    def _plan_rows(self, settings: Finetune, tokenizer: Path) -> Rows:
        table = TRAINING if TRAINING.exists() else DATASET_TABLE
        lengths = [min(each, settings.max_length) for each in sample_lengths(table, tokenizer)]
        if TRAINING.exists() and "gather" not in self._stale:
            return Rows(exact_amount(count_table_rows(TRAINING)), True, lengths, 0)
        pools = self._params.select.list_pools(self._params.pools)
        pools = [settings.data] if settings.data != DATASET else pools
        text = sum(map(self._planned.text, pools)) / max(1, len(pools))
        guess = min(settings.max_length, text + estimate_answer_tokens(self._planned))
        return Rows(self._estimate_rows(settings), False, lengths, guess)

    def _estimate_rows(self, settings: Finetune) -> Amount:
        """Estimate the rows that `gather` finds: those of a pool, or the selected ones."""
        if settings.data != DATASET:
            return self._planned.rows(settings.data)
        return (
            self._planned.count_selected()
            if "select" in self._stale
            else exact_amount(count_table_rows(DATASET_TABLE))
        )


@cache
def _read_hub_shape(model: Weights) -> Shape | UserError:
    """Read the sizes of a hub model, cached: a recipe plans many experiments with the same one."""
    try:
        return model_shape(checkpoints.causal_config(model))
    except UserError as error:
        return error


def _estimate_hours(known: TrainingEstimate, operations: float, speed: TrainingSpeed) -> dict[str, Any]:
    """Estimate the hours of a training. operations: FLOP per token."""
    usual = math.sqrt(speed.best * speed.slow)
    return {
        "hours": known.tokens * operations / speed.best / 3600,
        "usual_hours": known.tokens * operations / usual / 3600,
        "most_hours": known.most_tokens * operations / speed.slow / 3600,
        "speed": speed.source,
    }


def _estimate_from_rows(settings: Finetune, rows: Rows, model: str) -> TrainingEstimate:
    """Estimate examples, steps and tokens from the rows."""
    expected, most = math.ceil(rows.number.expected), rows.number.most
    each = _estimate_example_tokens(settings, rows)
    return TrainingEstimate(
        model,
        examples=expected,
        most_examples=most,
        exact=rows.exact,
        measured=bool(rows.lengths),
        steps=step_count(expected, settings.batch, settings.epochs),
        most_steps=step_count(most, settings.batch, settings.epochs),
        tokens=round(each * expected),
        most_tokens=round(each * most),
    )


def _estimate_example_tokens(settings: Finetune, rows: Rows) -> float:
    """Estimate the tokens of one example over all epochs."""
    examples = 2 if settings.method == "dpo" else 1
    return examples * rows.mean * settings.epochs


def _count_token_flops(shape: Shape, settings: Finetune, rows: Rows) -> float:
    """Count the training FLOP of one token."""
    return training_flops_per_token(
        shape,
        mean_attended_length(rows.lengths) or rows.guess,
        adapters=count_trained_parameters(shape, settings) if settings.lora.rank else 0,
        reference=settings.method == "dpo" and settings.dpo.reference,
    )


def _tokenizer_path(model: Weights) -> Path:
    """Return the path of a base's tokenizer, which may be missing."""
    folder = model.name if model.is_scratch else weights_source(model)[0]
    return Path(folder) / "tokenizer.json"
