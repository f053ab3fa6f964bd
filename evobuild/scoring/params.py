"""Define the sections of params.yaml about measurements of rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from evobuild.core.measures import DeclaredColumn
from evobuild.core.params import Between, Count, Decoding, Dtype, Few, Length, Name, Section, Tokens, default
from evobuild.core.uri import ChatModel
from evobuild.models.params import ChatRole

Measure = Literal["level", "score"]
ScorePrompt = Literal["reasoned", "alone"]
"""Prompt for a difficulty score: reasons first, or the number alone, as in arXiv:2412.11231, Figure 19."""
Embedded = Literal["whole", "instruction"]
"""Which text of a row is embedded."""
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


Aggregate = Literal["mean", "median", "min", "max", "majority"]
RUBRIC_PROMPT = "judge/rubric.jinja"
"""The template that asks for a value by a rubric."""
VARIABLES = frozenset({"measure", "history", "instruction", "input", "answer", "rubric", "least", "most"})
"""What a template may use: see `measure.Judging`."""
PLAIN_WORD = r"[a-z0-9]+( [a-z0-9]+)*"


class DeclaredMeasure(DeclaredColumn, Decoding):
    """A measure that a judge takes, as params.yaml declares it by name.

    of: what is judged. prompt: its template in the folder of prompts; or rubric: what each value means, asked
    for by RUBRIC_PROMPT. samples: replies for a row, with the seeds s, s + 1, …; aggregate: how their values
    become one. model: who judges; None: `models.judge`. raw: the prompt gets no chat template.
    """

    of: Literal["instruction", "answer"] = "instruction"
    prompt: Annotated[str, Field(pattern=r"^[a-z0-9_]+/[A-Za-z0-9_.-]+\.jinja$")] | None = None
    samples: Few = 1
    aggregate: Aggregate | None = None
    model: ChatRole | None = None
    raw: bool = False

    @property
    def template(self) -> str:
        """The template that asks for a value."""
        return self.prompt or RUBRIC_PROMPT

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.prompt is None) == (self.rubric is None):
            raise ValueError("expected a prompt, such as judge/clarity.jinja, or a rubric, {1: …, 5: …}")
        if self.read == "choice":
            _check_words(self.words)
        elif self.read == "list":
            if self.scale or self.rubric or self.samples > 1:
                raise ValueError("expected neither scale, rubric nor samples beside read: list")
        else:
            _check_numbers(self)
        if self.aggregate and (self.aggregate == "majority") != (self.read == "choice"):
            raise ValueError("expected aggregate: majority beside read: choice, and there alone")
        return self


def measure_models(measures: Mapping[str, DeclaredMeasure]) -> dict[str, ChatModel]:
    """Give the judges that measures have of their own, as roles are called: "measure clarity"."""
    return {f"measure {name}": each.model for name, each in measures.items() if each.model}


def _check_words(words: tuple[str, ...]) -> None:
    """Raise ValueError at words that cannot be told apart in a reply."""
    if len(words) < 2 or len({word.casefold() for word in words}) < len(words):
        raise ValueError("expected a scale of two words or more, the least first, such as [bad, good]")
    if wrong := [word for word in words if not re.fullmatch(PLAIN_WORD, word)]:
        raise ValueError(f"expected words of small letters, digits and blanks; found {wrong[0]!r}")


def _check_numbers(measure: DeclaredMeasure) -> None:
    """Raise ValueError at a scale that is no range of numbers, or none that can be read."""
    try:
        least, most = measure.bounds
    except ValueError as error:
        raise ValueError("expected numbers, or words with read: choice") from error
    if measure.scale is not None and len(measure.scale) != 2:
        raise ValueError("expected a scale of the least and the most number, such as [1, 5]")
    if not 0 <= least < most <= 999 or (measure.scale and measure.scale[0] != least):
        raise ValueError("expected a scale within 0 to 999, the least number first")
    if measure.read != "expected":
        return
    if not (least.is_integer() and most.is_integer() and most - least < 20):
        raise ValueError("expected a scale of at most 20 whole numbers beside read: expected")
    if measure.samples > 1:
        raise ValueError("expected no samples beside read: expected, which reads probabilities")


class Sections(Section):
    measures: Annotated[dict[Name, DeclaredMeasure], Field(max_length=100)] = default({})
    rate: Rate
    score: Score
    diversity: Diversity
    reward: Reward
    tag: Tag
