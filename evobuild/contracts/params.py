"""The section `contracts` of params.yaml, and what the stages that hold tables to it read."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from evobuild.contamination.params import Sets
from evobuild.contracts.earlier import is_file
from evobuild.core.measures import Measure
from evobuild.core.params import Between, Branches, CountOrNone, Name, Part, Pools, Rounds, Section
from evobuild.core.reads import Given, Reads
from evobuild.core.tables import SEED_ROUND
from evobuild.selection.params import Select
from evobuild.text.language import NAMES

Threshold = Annotated[float, Between(-1e12, 1e12)]
Thresholds = Annotated[dict[Name, Threshold], Field(max_length=200)]
"""Numbers that expectations read, by the name that they call them by."""


def _language(value: str) -> str:
    if value not in NAMES:
        raise ValueError(f"expected codes of languages that can be told: {', '.join(sorted(NAMES))}")
    return value


def _version(value: str) -> str:
    if value.startswith("-") or not value.strip():
        raise ValueError("expected a .parquet file, or a git revision such as v1.0.0")
    return value


class Contracts(Section):
    """against: an earlier version of the data set, a file or a git revision.

    languages: that instructions may be in; []: those of r0. language_rows: drawn of a pool to tell them.
    """

    against: Annotated[str, AfterValidator(_version)] | None
    languages: list[Annotated[str, AfterValidator(_language)]]
    language_rows: CountOrNone
    thresholds: Thresholds


class Sections(Section):
    contracts: Contracts


class Decontaminate(Part):
    sets: Sets


class Models(Part):
    """Whether they are given is all that is read."""

    scorer: Any
    embedder: Any
    reward: Any
    tagger: Any


class Rate(Part):
    measures: list[str]


class AutoIF(Part):
    on: bool


class ValidateParams(Part):
    """What the stage `validate` reads."""

    rounds: Rounds
    branches: Branches
    pools: Pools
    autoif: AutoIF
    rate: Rate
    models: Models
    decontaminate: Decontaminate
    select: Select
    contracts: Contracts

    def reads(self, given: Given) -> Reads:
        against = self.contracts.against
        files = (against,) if against and is_file(against) else ()
        versions = (against,) if against and not files else ()
        return Reads(files=files, versions=versions, libraries=("great_expectations", "py3langid"))

    @property
    def round_names(self) -> list[str]:
        """The seed's round, the others, and the branches."""
        return [SEED_ROUND, *self.rounds, *self.branches]

    def is_measured(self, measure: Measure) -> bool:
        """Whether a measure is switched on."""
        section, key = measure.switch.split(".")
        return bool(getattr(getattr(self, section), key))
