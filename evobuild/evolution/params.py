"""The sections of params.yaml on evolution."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from evobuild.core.params import Count, CountOrNone, Decoding, Section, Share, Temperature

Strategy = Literal["auto", "evol"]
"""See `strategies`, which has the function of each."""
MethodName = Literal["optimized", "e0", "weak", "file"]
Operation = Literal["constraints", "deepening", "concretizing", "reasoning", "complicate_input", "breadth"]
Operations = Annotated[list[Operation], Field(min_length=1)]


class Optimize(Section):
    initial: Literal["e0", "weak", "file"]
    pool: Count
    development: Count
    holdout: CountOrNone
    batch: Count
    trajectory_rounds: Count
    candidates: Count
    steps: CountOrNone
    incumbent: bool
    patience: Count
    ties: Literal["shorter", "first"]
    halving: Annotated[int, Field(ge=2)] | None
    difficulty_weight: Annotated[float, Field(ge=0)]
    truncated_fails: bool
    evolver_temperature: Temperature
    temperature: Temperature
    top_p: Share
    max_tokens: Count


class Failures(Section):
    """What counts as a failed evolution, besides a reply that holds no instruction."""

    markers: bool
    unchanged: bool
    answered: bool
    max_growth: Count | None
    language: bool
    lost_content: bool
    equal: bool

    @property
    def of_methods(self) -> Failures:
        """What a method is judged by: all that is no evolution fails, even what a round would keep."""
        return self.model_copy(update=dict.fromkeys(("markers", "unchanged", "answered"), True))


class Evolve(Decoding):
    strategy: Strategy
    method: MethodName
    file: str
    operations: dict[str, Operations]
    schedule: Literal["hashed", "fixed", "random"]
    failures: Failures
    on_failure: Literal["drop", "keep_parent", "retry"]
    retries: Count
    token_probability: bool


class Keywords(Decoding):
    rows: CountOrNone


class Sections(Section):
    optimize: Optimize
    evolve: Evolve
    keywords: Keywords
