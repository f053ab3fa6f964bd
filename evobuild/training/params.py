"""The sections of params.yaml on training."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, model_validator

from evobuild.core.params import Between, Count, Few, FewOrNone, Length, Section

LearningRate = Annotated[float, Between(1e-12, 1)]
MOST_TOKENS = 2**15
"""Of one step of the toy model: with the largest vocabulary they take some 6 GiB."""

TRAINING = ("accelerate", "datasets", "peft", "trl")
"""Libraries that change what comes of fine-tuning, beside those of the weights."""


def _middle(value: list[float]) -> list[float]:
    if len(value) != 2 or not 0 <= value[0] < value[1] <= 1:
        raise ValueError("expected two shares, the lower first, such as [0.25, 0.75]")
    return value


class Scratch(Section):
    vocabulary: Annotated[int, Between(300, 16384)]
    steps: Annotated[int, Between(1, 100_000)]
    batch: Few
    length: Annotated[int, Between(8, 2048)]
    learning_rate: LearningRate

    @model_validator(mode="after")
    def _fits_into_memory(self) -> Self:
        if self.batch * self.length > MOST_TOKENS:
            raise ValueError(
                f"expected at most {MOST_TOKENS:,} tokens a step, "
                f"batch {self.batch} of length {self.length} are {self.batch * self.length:,}"
            )
        return self


class Finetune(Section):
    epochs: Annotated[float, Between(1e-6, 1000)]
    batch: Few
    learning_rate: LearningRate
    warmup: Annotated[float, Between(0, 0.99)]
    max_length: Length
    lora_rank: FewOrNone


class Experience(Finetune):
    """A brief tuning, and on which rows. middle: quantiles of the questions' loss in a cluster."""

    clusters: Annotated[int, Between(1, 10_000)]
    rows: Count
    middle: Annotated[list[float], AfterValidator(_middle)]


class Sections(Section):
    scratch: Scratch
    experience: Experience
    finetune: Finetune
