"""A training as its processes are given it: a folder with settings, examples and tokenizer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from evobuild.core.errors import require
from evobuild.core.json_files import write_json
from evobuild.core.machine import Training
from evobuild.core.uri import Weights
from evobuild.process.lock import stage_sources
from evobuild.training.params import TRAINING, Finetune
from evobuild.training.running.batches import example_identity
from evobuild.weights.identities import read_installed_version, weights_identity
from evobuild.weights.params import LIBRARIES

Example = dict[str, list[int]]
"""What is learnt from, as token ids: input_ids and labels; of a pair prompt_ids, chosen_ids, rejected_ids."""

UNLABELLED = -100
"""The label of a token that is not in the loss, as torch has it."""

SETTINGS, EXAMPLES, HELD_OUT, TOKENIZER, RESULT, FAILURE = (
    "job.json",
    "examples",
    "held_out",
    "tokenizer",
    "result.json",
    "failure.txt",
)


class Job(NamedTuple):
    """A training. name: of the base in params.yaml. folder: of what it is given, and its checkpoints.

    out: where the weights go. stops: tokens at which the tuned model stops to write.
    """

    name: str
    folder: Path
    out: Path
    base: Weights
    settings: Finetune
    seed: int
    stops: list[int]
    machine: Training

    def save(self) -> None:
        """Write the settings into the folder."""
        settings = {
            "name": self.name,
            "out": str(self.out.absolute()),
            "base": asdict(self.base),
            "settings": self.settings.model_dump(),
            "seed": self.seed,
            "stops": self.stops,
            "machine": self.machine.model_dump(),
        }
        write_json(self.folder / SETTINGS, settings)

    @staticmethod
    def load(folder: Path) -> Job:
        """Read a job from its folder."""
        read: dict[str, Any] = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        return Job(
            read["name"],
            folder,
            Path(read["out"]),
            Weights(**read["base"]),
            Finetune.model_validate(read["settings"]),
            read["seed"],
            read["stops"],
            Training.model_validate(read["machine"]),
        )


def job_key(
    examples: Sequence[Sequence[Example]], base: Weights, settings: Finetune, seed: int, machine: Training
) -> str:
    """Identify a training by all that determines its result, to the last bit: 16 hex digits.

    examples: to learn from, and held out. How often it is saved does not count, nor what is switched off.
    """
    total = blake2b(digest_size=8)
    own = settings.model_dump(exclude={"save_steps", "merge"})
    for idle in settings.idle():
        section, _, name = idle.rpartition(".")
        (own[section] if section else own).pop(name, None)
    where = machine.model_dump(include={"processes", "strategy", "micro_batch", "nodes", "accelerate"})
    versions = [f"{name}=={read_installed_version(name)}" for name in (*LIBRARIES, *TRAINING)]
    for part in (weights_identity(base), own, seed, where, versions):
        total.update(repr(part).encode())
    for example in chain(*examples):
        total.update(repr(sorted(example.items())).encode())
    return total.hexdigest()


def result_key(task: Job, key: str) -> str:
    """Name what a training writes: by its key, what becomes of its weights, and the code that it runs."""
    is_merged = bool(task.settings.lora.rank and task.settings.merge)
    code = stage_sources().digest("evobuild.training.finetune")
    return blake2b(repr((key, is_merged, task.stops, code)).encode(), digest_size=8).hexdigest()


def save_examples(folder: Path, examples: Sequence[Example]) -> None:
    """Write examples where each process reads what it needs of them."""
    datasets = require("datasets", "data")
    datasets.disable_progress_bars()
    columns = {name: [example[name] for example in examples] for name in examples[0]}
    datasets.Dataset.from_dict(columns).save_to_disk(str(folder))


def load_examples(folder: Path) -> Any:
    """Read examples; each is given as tensors."""
    datasets = require("datasets", "data")
    datasets.disable_progress_bars()
    return datasets.load_from_disk(str(folder)).with_format("torch")


def identities(examples: Any) -> list[str]:
    """Give what each example is drawn by."""
    names = examples.column_names
    columns = [examples.with_format(None)[name] for name in names]
    return [example_identity(*row) for row in zip(*columns, strict=True)]


class Sizes(NamedTuple):
    """Of each example: tokens as they are read, with padding; its own tokens; how many are in the loss.

    Of a pair of answers both count, with its prompt twice, and 1 is in the loss.
    """

    lengths: list[int]
    tokens: list[int]
    labelled: list[int]


def example_sizes(examples: Any) -> Sizes:
    """Measure examples."""
    columns = {name: examples.with_format(None)[name] for name in examples.column_names}
    if "labels" in columns:
        labelled = [sum(label != UNLABELLED for label in labels) for labels in columns["labels"]]
        lengths = [len(ids) for ids in columns["input_ids"]]
        return Sizes(lengths, lengths, labelled)
    sides = [map(len, columns[name]) for name in ("prompt_ids", "chosen_ids", "rejected_ids")]
    both = [(prompt + chosen, prompt + rejected) for prompt, chosen, rejected in zip(*sides, strict=True)]
    return Sizes([2 * max(each) for each in both], [sum(each) for each in both], [1] * len(both))
