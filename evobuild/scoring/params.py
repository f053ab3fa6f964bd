"""The sections of params.yaml on measures of rows."""

from __future__ import annotations

from typing import Annotated, Literal

from evobuild.core.params import BatchTokens, Between, Count, Decoding, Dtype, Length, Section

Measure = Literal["level", "score"]
ScorePrompt = Literal["reasoned", "alone"]
"""How a difficulty score is asked for: after reasons, or alone, as in arXiv:2412.11231, Figure 19."""
Embedded = Literal["whole", "instruction"]
"""What of a row is embedded."""


class Rate(Decoding):
    measures: list[Measure]
    score_prompt: ScorePrompt


class Score(Section):
    """batch_tokens: of no effect; passes have one size."""

    template: Literal["plain", "alpaca", "chat", "authors", "superfiltering"]
    dtype: Dtype
    max_length: Length
    batch_tokens: BatchTokens


class Diversity(Section):
    text: Embedded
    distance: Literal["l2", "squared", "cosine"]
    exact_rows: Annotated[int, Between(1, 10**6)]


class Reward(Section):
    """batch_tokens: of no effect; texts go in equal numbers."""

    dtype: Dtype
    max_length: Length
    batch_tokens: BatchTokens


class Tag(Decoding):
    rows: Count | None


class Sections(Section):
    rate: Rate
    score: Score
    diversity: Diversity
    reward: Reward
    tag: Tag
