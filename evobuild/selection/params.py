"""Define the section `select` of params.yaml."""

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
"""Minimum and maximum, each null for no bound."""


def _check_pools(value: object) -> object:
    if value != "all" and not (isinstance(value, list) and all(isinstance(name, str) for name in value)):
        raise ValueError("expected 'all' or a list of names")
    return value


def _parse_weights(value: object) -> object:
    """Parse what ranks rows: one metric, or a weight for each of several."""
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
"""A ranking metric, one of CHOICES."""


class Filters(Section):
    """Rules that a row has to meet. ranges: of any metric but random."""

    max_ifd: Weight | None = None
    ranges: dict[Metric, Range] = default({})
    min_words: Count | None = None
    max_words: Count | None = None
    languages: list[str] = default([])


class Deduplicate(Section):
    """Similarity thresholds of duplicates. exact: keep one of equal rows."""

    exact: bool = True
    near: Share | None = 0.9
    embedding: Share | None = None


class Select(Section):
    renamed: ClassVar[dict[str, str]] = {
        "duplicates": "select.deduplicate",
        "greedy": "select.diversity_filter",
    }

    pools: Annotated[Literal["all"] | list[str], BeforeValidator(_check_pools)] = "all"
    per_pool: bool = True
    exclude: str | None = None
    weights: dict[Name, Weight] = default({})
    keep_seeds: bool = False
    filters: Filters = Filters()
    deduplicate: Deduplicate = Deduplicate()
    contamination: list[Annotated[str, Field(pattern=r"^([1-9][0-9]*-gram|embedding)$")]] = default(
        ["13-gram", "embedding"]
    )
    by: Annotated[dict[Metric, Weight], BeforeValidator(_parse_weights)] = default("ic_ifd")
    combine: Combine = "ranks"
    share: Share | None = 0.25
    count: Count | None = None
    per_domain: bool = False
    diversity_filter: Annotated[float, Between(1e-6, 2)] | None = None

    def list_pools(self, every: Iterable[str]) -> list[str]:
        """List the pools to select from: those in params, and the seed's pool if seeds are kept.

        `all` means every round and branch; the seed's pool if there is no other.
        """
        known = list(every)
        evolved = [name for name in known if name != SEED_ROUND]
        names = (evolved or known) if self.pools == "all" else list(self.pools)
        return [SEED_ROUND, *names] if self.keep_seeds and SEED_ROUND not in names else names


class Sections(Section):
    select: Select


class ChoiceParams(ReadsMeasures):
    """Params that decide which rows could be selected."""

    pools: Pools
    select: Select


class Decontaminate(StageParams):
    sets: dict[Name, str]


class SelectParams(ChoiceParams, WritesTables):
    """Params of the stage `select`."""

    random_seed: RandomSeed
    decontaminate: Decontaminate

    def named_files(self) -> tuple[str, ...]:
        return (self.select.exclude,) if self.select.exclude else ()
