"""Define the sections of params.yaml about evolution."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal, get_args

from pydantic import Field

from evobuild.core.params import (
    Between,
    Count,
    CountOrNone,
    Decoding,
    Few,
    FewOrNone,
    Name,
    Section,
    Share,
    Temperature,
    Tokens,
    default,
)

Strategy = Literal["auto", "evol"]
"""Names of strategies; `strategies` has their functions."""
MethodName = Literal["optimized", "e0", "weak", "file"]
METHOD_NAMES = get_args(MethodName)
INITIAL_METHODS = ("e0", "weak")
"""Methods that are shipped, as templates."""
DEFAULT = "default"
"""The key of what is for every domain that has nothing of its own."""
Methods = dict[str, str]
"""Methods by domain: names, or paths of files."""
Operations = Annotated[list[Name], Field(min_length=1)]
"""Names of operations; a template in the folder of prompts declares each: `declared_operations`."""


class Optimize(Section):
    initial: str = "e0"
    pool: Count = 2000
    development: Count = 50
    holdout: CountOrNone = 0
    batch: Few = 10
    trajectory_rounds: Few = 1
    candidates: Few = 5
    steps: FewOrNone = 10
    incumbent: bool = True
    patience: Few = 3
    ties: Literal["shorter", "first"] = "shorter"
    halving: Annotated[int, Between(2, 1000)] | None = None
    difficulty_weight: Annotated[float, Between(0, 1000)] = 0.0
    truncated_fails: bool = False
    evolver_temperature: Temperature = 0.0
    temperature: Temperature = 0.6
    top_p: Share = 0.95
    max_tokens: Tokens = 2048


def used_methods(method: str, methods: Methods) -> list[str]:
    """List the methods of the strategy `auto`, by name or path: of domains and of all others."""
    return sorted({methods.get(DEFAULT, method), *methods.values()})


def method_paths(methods: Iterable[str]) -> tuple[str, ...]:
    """List the methods that params name by a path."""
    return tuple(name for name in methods if name not in METHOD_NAMES)


class Failures(Section):
    """What counts as a failed evolution, besides a reply without an instruction."""

    markers: bool = True
    unchanged: bool = True
    answered: bool = True
    max_growth: Annotated[int, Between(1, 10**6)] | None = 200
    language: bool = True
    lost_content: bool = False
    equal: bool = False

    @property
    def method_rules(self) -> Failures:
        """Return the rules that judge a method: copies and answers fail, even if a round would keep them."""
        return self.model_copy(update=dict.fromkeys(("markers", "unchanged", "answered"), True))


class Evolve(Decoding):
    strategy: Strategy = "auto"
    method: MethodName = "optimized"
    methods: Methods = default({})
    file: str = "prompts/evolve/own.txt"
    operations: dict[str, Operations] = default(
        {
            "default": ["constraints", "deepening", "concretizing", "reasoning"],
            "chat": ["constraints", "deepening", "concretizing", "reasoning", "breadth"],
        }
    )
    schedule: Literal["hashed", "fixed", "random"] = "hashed"
    temperature: Temperature = 0.7
    top_p: Share = 0.95
    max_tokens: Tokens = 2048
    failures: Failures = Failures()
    on_failure: Literal["drop", "keep_parent", "retry"] = "drop"
    retries: Annotated[int, Between(1, 100)] = 2
    token_probability: bool = False


class Keywords(Decoding):
    rows: CountOrNone = 12
    temperature: Temperature = 0.7
    top_p: Share = 0.95


class Sections(Section):
    optimize: Optimize
    evolve: Evolve
    keywords: Keywords
