"""The section `select` of params.yaml."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from evobuild.core.instructions import SEED_ROUND
from evobuild.core.measures import METRICS, RANDOM
from evobuild.core.params import (
    Between,
    Count,
    Name,
    Part,
    Pools,
    RandomSeed,
    Section,
    Share,
    Weight,
    WritesTables,
    default,
)
from evobuild.core.suggestions import unknown_name

CHOICES = (*METRICS, RANDOM)

Range = Annotated[list[Annotated[float, Between(-1e12, 1e12)] | None], Field(min_length=2, max_length=2)]
"""The least and the most, each of them null for no bound."""


def _metric(value: str) -> str:
    if value not in CHOICES:
        raise ValueError(unknown_name("metric", value, CHOICES))
    return value


def _all_or_names(value: object) -> object:
    if value != "all" and not (isinstance(value, list) and all(isinstance(name, str) for name in value)):
        raise ValueError("expected 'all' or a list of names")
    return value


def _weighted(value: object) -> object:
    """Read what rows are chosen by: one metric, or a weight for each of several."""
    if isinstance(value, str) and value in CHOICES:
        return {value: 1.0}
    if isinstance(value, str):
        raise ValueError(unknown_name("metric", value, CHOICES))
    if not isinstance(value, dict) or not value:
        raise ValueError(
            f"expected {', '.join(CHOICES)}, or several with weights, {{ic_ifd: 1, difficulty: 0.5}}"
        )
    return value


Metric = Annotated[str, AfterValidator(_metric)]
"""What rows can be chosen by; the registry has them."""


class Filters(Section):
    """What a row must be like. ranges: of any metric but random."""

    max_ifd: Weight | None = None
    ranges: dict[Metric, Range] = default({})
    min_words: Count | None = None
    max_words: Count | None = None
    languages: list[str] = default([])


class Deduplicate(Section):
    """How alike two rows may be. exact: whether of equal ones one stays."""

    exact: bool = True
    near: Share | None = 0.9
    embedding: Share | None = None


class Select(Section):
    renamed: ClassVar[dict[str, str]] = {
        "duplicates": "select.deduplicate",
        "greedy": "select.diversity_filter",
    }

    pools: Annotated[Literal["all"] | list[str], BeforeValidator(_all_or_names)] = "all"
    per_pool: bool = True
    exclude: str | None = None
    weights: dict[Name, Weight] = default({})
    keep_seeds: bool = False
    filters: Filters = Filters()
    deduplicate: Deduplicate = Deduplicate()
    contamination: list[Annotated[str, Field(pattern=r"^([1-9][0-9]*-gram|embedding)$")]] = default(
        ["13-gram", "embedding"]
    )
    by: Annotated[dict[Metric, Weight], BeforeValidator(_weighted)] = default("ic_ifd")
    share: Share | None = 0.25
    count: Count | None = None
    per_domain: bool = False
    diversity_filter: Annotated[float, Between(1e-6, 2)] | None = None

    def pools_read(self, every: Iterable[str]) -> list[str]:
        """Names of the pools that are chosen from: those that it names, and the seed's if it is kept.

        all: every round and branch; the seed's pool if there is no other.
        """
        known = list(every)
        evolved = [name for name in known if name != SEED_ROUND]
        names = (evolved or known) if self.pools == "all" else list(self.pools)
        return [SEED_ROUND, *names] if self.keep_seeds and SEED_ROUND not in names else names


class Sections(Section):
    select: Select


class ChoiceParams(Part):
    """What is read to say which rows could be chosen."""

    pools: Pools
    select: Select


class Decontaminate(Part):
    sets: dict[Name, str]


class SelectParams(ChoiceParams, WritesTables):
    """What the stage `select` reads."""

    random_seed: RandomSeed
    decontaminate: Decontaminate

    def named_files(self) -> tuple[str, ...]:
        return (self.select.exclude,) if self.select.exclude else ()
