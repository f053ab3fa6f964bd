"""The sections of params.yaml on evolution."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from evobuild.core.params import (
    Between,
    Count,
    CountOrNone,
    Decoding,
    Few,
    FewOrNone,
    Section,
    Share,
    Temperature,
    Tokens,
)

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
    batch: Few
    trajectory_rounds: Few
    candidates: Few
    steps: FewOrNone
    incumbent: bool
    patience: Few
    ties: Literal["shorter", "first"]
    halving: Annotated[int, Between(2, 1000)] | None
    difficulty_weight: Annotated[float, Between(0, 1000)]
    truncated_fails: bool
    evolver_temperature: Temperature
    temperature: Temperature
    top_p: Share
    max_tokens: Tokens


class Failures(Section):
    """What counts as a failed evolution, besides a reply that holds no instruction."""

    markers: bool
    unchanged: bool
    answered: bool
    max_growth: Annotated[int, Between(1, 10**6)] | None
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
    retries: Annotated[int, Between(1, 100)]
    token_probability: bool


class Keywords(Decoding):
    rows: CountOrNone


class Sections(Section):
    optimize: Optimize
    evolve: Evolve
    keywords: Keywords
