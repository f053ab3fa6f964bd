"""The section `select` of params.yaml."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from evobuild.core.instructions import SEED_ROUND
from evobuild.core.measures import ReadsMeasures
from evobuild.core.params import (
    Between,
    Count,
    Name,
    Pools,
    RandomSeed,
    Section,
    Share,
    StageParams,
    Weight,
    WritesTables,
    default,
)

Range = Annotated[list[Annotated[float, Between(-1e12, 1e12)] | None], Field(min_length=2, max_length=2)]
"""The least and the most, each of them null for no bound."""


def _all_or_names(value: object) -> object:
    if value != "all" and not (isinstance(value, list) and all(isinstance(name, str) for name in value)):
        raise ValueError("expected 'all' or a list of names")
    return value


def _weighted(value: object) -> object:
    """Read what rows are selected by: one metric, or a weight for each of several."""
    if isinstance(value, str):
        return {value: 1.0}
    if not isinstance(value, dict) or not value:
        raise ValueError(
            "expected a metric such as ic_ifd, or several with weights, {ic_ifd: 1, difficulty: 0.5}"
        )
    return value


Combine = Literal["ranks", "product"]
"""How the values of several metrics become one."""
Metric = Name
"""What rows can be selected by: `core.measures.all_metrics` has them, `check` refuses any other."""


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
    combine: Combine = "ranks"
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


class ChoiceParams(ReadsMeasures):
    """What is read to say which rows could be chosen."""

    pools: Pools
    select: Select


class Decontaminate(StageParams):
    sets: dict[Name, str]


class SelectParams(ChoiceParams, WritesTables):
    """What the stage `select` reads."""

    random_seed: RandomSeed
    decontaminate: Decontaminate

    def named_files(self) -> tuple[str, ...]:
        return (self.select.exclude,) if self.select.exclude else ()
