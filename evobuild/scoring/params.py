"""The sections of params.yaml on measures of rows."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from evobuild.core.params import Count, Decoding, Dtype, Section

Measure = Literal["level", "score"]
Embedded = Literal["whole", "instruction"]
"""What of a row is embedded."""


class Rate(Decoding):
    measures: list[Measure]


class Score(Section):
    """batch_tokens: of no effect; passes have one size."""

    template: Literal["plain", "alpaca", "chat", "authors", "superfiltering"]
    dtype: Dtype
    max_length: Annotated[int, Field(ge=8)]
    batch_tokens: Count


class Diversity(Section):
    text: Embedded
    distance: Literal["l2", "squared", "cosine"]
    exact_rows: Count


class Reward(Section):
    """batch_tokens: of no effect; texts go in equal numbers."""

    dtype: Dtype
    max_length: Annotated[int, Field(ge=8)]
    batch_tokens: Count


class Tag(Decoding):
    rows: Count | None


class Sections(Section):
    rate: Rate
    score: Score
    diversity: Diversity
    reward: Reward
    tag: Tag
