"""Trainings of the tiny model, as the stage has them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tiny

from evobuild.core.instructions import Instruction
from evobuild.core.uri import Weights
from evobuild.training import finetune
from evobuild.training.params import Finetune, Lora

ROWS = [
    tiny.row(instruction=f"Name {number} fish.", output="Cod, " * (number % 5) + f"{number} times.")
    for number in range(10)
]
LORA = Lora(rank=4, alpha=8, dropout=0.0, targets="all-linear", quantize=None)


def settings(**fields: Any) -> Finetune:
    """Settings under which the tiny model learns within a few steps."""
    small = {"epochs": 1, "batch": 4, "learning_rate": 0.01, "warmup": 0.0, "max_length": 128}
    return Finetune(**small | fields)


def tuning(base: Path | None = None, **fields: Any) -> finetune.Tuning:
    """A tuning of the tiny model, or of a base in a folder."""
    return finetune.Tuning("toy", Weights(str(base or tiny.folder())), settings(**fields), 7)


def tune(
    folder: Path,
    rows: Sequence[Instruction] = ROWS,
    held_out: Sequence[Instruction] = (),
    base: Path | None = None,
    **fields: Any,
) -> finetune.Tuned:
    """Tune into a folder, which is made."""
    folder.mkdir(parents=True)
    return finetune.finetune_model(rows, held_out, tuning(base, **fields), folder)[0]


def losses(tuned: finetune.Tuned, name: str = "loss") -> list[float]:
    """What was logged under a name, step by step."""
    return [entry[name] for entry in tuned.history if name in entry]


def digest(folder: Path) -> str:
    """Name a model's weights by their bytes."""
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def with_machine(root: Path, **fields: Any) -> None:
    """Write machine.yaml into the root of a repository."""
    import yaml

    (root / "machine.yaml").write_text(yaml.safe_dump({"training": fields}))
