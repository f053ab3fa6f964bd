"""Checkpoints of a training that may be killed: outside of all outs, and whole or not there.

They are in `.evobuild/checkpoints/<base>-<key>/checkpoint-<step>`; the key is of everything that decides what
is learnt. A checkpoint counts once the file `complete` is in it, which is written last; then older ones go.
A training that ends well takes its folder away.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from evobuild.core import machine
from evobuild.core.errors import UserError
from evobuild.core.private_files import private_folder

COMPLETE = "complete"
SPARE = 1.05
"""Times what is counted, for what is not: configs, tokenizers, states of random numbers."""


def checkpoints_folder(base: str, key: str) -> Path:
    """Return the folder of a training's checkpoints, and create it if missing."""
    return private_folder(machine.repository_root() / ".evobuild" / "checkpoints" / f"{base}-{key}")


def newest_checkpoint(folder: Path) -> Path | None:
    """Return the last complete checkpoint of a training; remove incomplete ones, which a kill left."""
    found = sorted(folder.glob("checkpoint-*"), key=_step)
    whole = [each for each in found if (each / COMPLETE).exists()]
    for each in found:
        if each not in whole[-1:]:
            shutil.rmtree(each, ignore_errors=True)
    return whole[-1] if whole else None


def complete(checkpoint: Path) -> None:
    """Say that a checkpoint is whole, once all of it is on the disk, and remove older ones."""
    for file in sorted(path for path in checkpoint.rglob("*") if path.is_file()):
        _sync_to_disk(file)
    (checkpoint / COMPLETE).touch()
    _sync_to_disk(checkpoint)
    newest_checkpoint(checkpoint.parent)


def _sync_to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])


def checkpoint_bytes(model: Any) -> int:
    """Bytes of one checkpoint: the weights that are saved, and 8 more for each number that is tuned."""
    tuned = [each for each in model.parameters() if each.requires_grad]
    saved: Iterable[Any] = tuned if hasattr(model, "peft_config") else model.parameters()
    weights: int = sum(each.numel() * each.element_size() for each in saved)
    trained: int = sum(each.numel() for each in tuned)
    return weights + 8 * trained


def check_disk(needs: Iterable[tuple[Path, int]]) -> None:
    """Raise UserError if what is to be written, folder and bytes, does not fit on its disk."""
    of_disk: dict[int, tuple[Path, int]] = {}
    for folder, size in needs:
        disk = folder.stat().st_dev
        of_disk[disk] = (folder, of_disk.get(disk, (folder, 0))[1] + int(size * SPARE))
    for folder, size in of_disk.values():
        free = shutil.disk_usage(folder).free
        if size > free:
            raise UserError(
                f"the disk of {folder} has {free / 2**30:,.1f} GiB left, and weights and checkpoints take "
                f"{size / 2**30:,.1f} GiB; free some of it (.evobuild/checkpoints holds those of trainings "
                "that were given up), or raise finetune.save_steps beyond the last step"
            )
