"""The section `contracts` of params.yaml."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from evobuild.core.params import Between, CountOrNone, Name, Part, Pools, RandomSeed, Section
from evobuild.core.reads import Given, Reads
from evobuild.text.language import NAMES

Threshold = Annotated[float, Between(-1e12, 1e12)]
Thresholds = Annotated[dict[Name, Threshold], Field(max_length=200)]
"""Numbers that expectations read, by the name that they call them by."""


def _language(value: str) -> str:
    if value not in NAMES:
        raise ValueError(f"expected codes of languages that can be told: {', '.join(sorted(NAMES))}")
    return value


class Contracts(Section):
    """against: an earlier version of the data set, a file or a git revision.

    languages: that instructions may be in; []: those of r0. language_rows: drawn of a pool to tell them.
    """

    against: str | None
    languages: list[Annotated[str, AfterValidator(_language)]]
    language_rows: CountOrNone
    thresholds: Thresholds


class Sections(Section):
    contracts: Contracts


class ValidateParams(Part):
    """What the stage `validate` reads."""

    random_seed: RandomSeed
    pools: Pools
    contracts: Contracts

    def reads(self, given: Given) -> Reads:
        return Reads(libraries=("great_expectations", "py3langid"))


def parameters(given: Contracts) -> dict[str, Any]:
    """What suites reach by {"$PARAMETER": name}."""
    return dict(given.thresholds)
