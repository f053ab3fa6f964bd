"""A language model small enough for tests: byte-level BPE, a Llama after two steps; made once a process."""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"  # read when the hub's client is imported: no test may ask the hub

from evobuild.core.instructions import SEED_ROUND, Instruction, content_id, row_id
from evobuild.core.uri import Weights
from evobuild.training import scratch
from evobuild.training.params import Scratch
from evobuild.weights import checkpoints, threads

threads.THREADS = 1  # at this size two threads only wait for each other

TEXTS = (
    "Name three colours.\nRed, green and blue.",
    "Add two and five.\nTwo and five make seven.",
    "Write a line about the sea.\nThe sea is wide, and grey in the morning.",
)


def row(**fields: Any) -> Instruction:
    """An answered instruction of r0; give what matters."""
    plain = {
        "instruction": "Name three colours.",
        "input": "",
        "output": "Red, green and blue.",
        "history": (),
    }
    given: dict[str, Any] = plain | {"parent_id": "", "round": SEED_ROUND, "domain": "chat"} | fields
    content = content_id(given["history"], given["instruction"], given["input"])
    own = row_id(given["round"], given["parent_id"], content)
    ids = {"id": own, "content_id": content, "seed_id": own}
    return Instruction(**(ids | given))


@cache
def folder() -> Path:
    """The model's folder, removed at the end of the process."""
    path = Path(_parent().name) / "tiny"
    scratch.train_scratch_model(
        TEXTS, Scratch(vocabulary=300, steps=2, batch=2, length=16, learning_rate=0.003), 1, path
    )
    return path


@cache
def _parent() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="evobuild-tiny-")


@cache
def model() -> Any:
    """The model, in fp32 on the CPU."""
    return checkpoints.load_causal_lm(Weights(str(folder())))


@cache
def tokenizer() -> Any:
    """Its tokenizer."""
    return checkpoints.load_tokenizer(Weights(str(folder())))
