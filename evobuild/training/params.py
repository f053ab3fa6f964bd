"""The sections of params.yaml on training."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from evobuild.core.params import Count, CountOrNone, Positive, Section

TRAINING = ("accelerate", "datasets", "peft", "trl")
"""Libraries that change what comes of fine-tuning, beside those of the weights."""


def _middle(value: list[float]) -> list[float]:
    if len(value) != 2 or not 0 <= value[0] < value[1] <= 1:
        raise ValueError("expected two shares, the lower first, such as [0.25, 0.75]")
    return value


class Scratch(Section):
    vocabulary: Annotated[int, Field(ge=300)]
    steps: Count
    batch: Count
    length: Annotated[int, Field(ge=8, le=2048)]
    learning_rate: Positive


class Finetune(Section):
    epochs: Positive
    batch: Count
    learning_rate: Positive
    warmup: Annotated[float, Field(ge=0, lt=1)]
    max_length: Annotated[int, Field(ge=8)]
    lora_rank: CountOrNone


class Experience(Finetune):
    """A brief tuning, and on which rows. middle: quantiles of the questions' loss in a cluster."""

    clusters: Count
    rows: Count
    middle: Annotated[list[float], AfterValidator(_middle)]


class Sections(Section):
    scratch: Scratch
    experience: Experience
    finetune: Finetune
