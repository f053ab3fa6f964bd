"""Presets of trainings: the figures of both papers, checked by hand, and every key, so that none stays from
before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from workspace import SHIPPED_PARAMS

from evobuild.cli import preset
from evobuild.core.yaml_files import read_yaml

FIRST = {"template": "vicuna", "max_length": 2048, "lora.rank": 0, "method": "sft", "loss": "answers"}
SECOND = FIRST | {
    "template": "own",
    "batch": 64,
    "schedule": "cosine",
    "warmup": 0.03,
    "truncate": "proportional",
}
QWEN = SECOND | {"template": "qwen", "epochs": 2}
FIXED: dict[str, dict[str, Any]] = {
    "auto-evol-chat": FIRST | {"batch": 128, "learning_rate": 5e-6, "epochs": 4},
    "auto-evol-math": FIRST | {"batch": 128, "learning_rate": 5e-6, "epochs": 4},
    "auto-evol-code": FIRST | {"batch": 192, "learning_rate": 2e-5, "epochs": 3},
    "evolvers": SECOND | {"learning_rate": 2e-5, "epochs": 3},
    "evolvers-qwen-small": QWEN | {"learning_rate": 1e-5},
    "evolvers-qwen-medium": QWEN | {"learning_rate": 7e-6},
    "evolvers-qwen-large": QWEN
    | {
        "learning_rate": 5e-5,
        "lora.rank": 8,
        "lora.alpha": 8,
        "lora.dropout": 0.0,
        "lora.targets": "all-linear",
        "lora.quantize": None,
    },
}
"""By preset: section 4.1 and appendix of arXiv:2406.00770; tables 6 and 7 of arXiv:2412.11231, and its
README."""


def leaves(content: dict[str, Any], above: str) -> Iterator[str]:
    for key, value in content.items():
        yield from leaves(value, f"{above}.{key}") if isinstance(value, dict) else [f"{above}.{key}"]


@pytest.mark.parametrize("name", FIXED)
def test_a_training_is_the_papers(name: str) -> None:
    found = preset.read_preset(name)
    assert {key: found[f"finetune.{key}"] for key in FIXED[name]} == FIXED[name]


@pytest.mark.parametrize("name", FIXED)
def test_a_training_sets_all_keys_of_finetune_and_no_other(name: str) -> None:
    assert set(preset.read_preset(name)) == set(leaves(read_yaml(SHIPPED_PARAMS)["finetune"], "finetune"))


@pytest.mark.parametrize(
    ("whole", "training"),
    [("auto-evol", "auto-evol-chat"), ("small-evolvers", "evolvers"), ("evol-instruct", "evolvers")],
)
def test_a_whole_paper_is_trained_as_its_training_says(whole: str, training: str) -> None:
    assert preset.read_preset(whole).items() >= preset.read_preset(training).items()
