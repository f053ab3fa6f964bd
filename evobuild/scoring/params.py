"""The sections of params.yaml on measures of rows."""

from __future__ import annotations

from typing import Annotated, Literal

from evobuild.core.params import (
    BatchTokens,
    Between,
    Count,
    Decoding,
    Dtype,
    Length,
    Section,
    Tokens,
    default,
)

Measure = Literal["level", "score"]
ScorePrompt = Literal["reasoned", "alone"]
"""How a difficulty score is asked for: after reasons, or alone, as in arXiv:2412.11231, Figure 19."""
Embedded = Literal["whole", "instruction"]
"""What of a row is embedded."""


class Rate(Decoding):
    measures: list[Measure] = default(["level", "score"])
    score_prompt: ScorePrompt = "reasoned"


class Score(Section):
    """batch_tokens: of no effect; passes have one size."""

    template: Literal["plain", "alpaca", "chat", "authors", "superfiltering"] = "plain"
    dtype: Dtype = "float32"
    max_length: Length = 2048
    batch_tokens: BatchTokens = 4096


class Diversity(Section):
    text: Embedded = "whole"
    distance: Literal["l2", "squared", "cosine"] = "l2"
    exact_rows: Annotated[int, Between(1, 10**6)] = 100_000


class Reward(Section):
    """batch_tokens: of no effect; texts go in equal numbers."""

    dtype: Dtype = "float32"
    max_length: Length = 4096
    batch_tokens: BatchTokens = 8192


class Tag(Decoding):
    rows: Count | None = 100
    max_tokens: Tokens = 1024


class Sections(Section):
    rate: Rate
    score: Score
    diversity: Diversity
    reward: Reward
    tag: Tag
