"""The sections of params.yaml on measures of rows."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from evobuild.core.params import Between, Count, Decoding, Dtype, Length, Section, Tokens, default

Measure = Literal["level", "score"]
ScorePrompt = Literal["reasoned", "alone"]
"""How a difficulty score is asked for: after reasons, or alone, as in arXiv:2412.11231, Figure 19."""
Embedded = Literal["whole", "instruction"]
"""What of a row is embedded."""
_GONE = "gone: it had no effect"


class Rate(Decoding):
    measures: list[Measure] = default(["level", "score"])
    score_prompt: ScorePrompt = "reasoned"


class Score(Section):
    renamed: ClassVar[dict[str, str]] = {"batch_tokens": _GONE}

    template: Literal["plain", "alpaca", "chat", "authors", "superfiltering"] = "plain"
    dtype: Dtype = "float32"
    max_length: Length = 2048


class Diversity(Section):
    text: Embedded = "whole"
    distance: Literal["l2", "squared", "cosine"] = "l2"
    exact_rows: Annotated[int, Between(1, 10**6)] = 100_000


class Reward(Section):
    renamed: ClassVar[dict[str, str]] = {"batch_tokens": _GONE}

    dtype: Dtype = "float32"
    max_length: Length = 4096


class Tag(Decoding):
    rows: Count | None = 100
    max_tokens: Tokens = 1024


class Sections(Section):
    rate: Rate
    score: Score
    diversity: Diversity
    reward: Reward
    tag: Tag
