"""The sections of params.yaml on training."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from evobuild.core.params import Count, CountOrNone, Positive, Section


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


class Sections(Section):
    scratch: Scratch
    finetune: Finetune
