"""What the stage `validate` reads of params.yaml."""

from __future__ import annotations

from typing import Any

from evobuild.contamination.params import Sets
from evobuild.contracts.earlier import is_file
from evobuild.contracts.params import Contracts
from evobuild.core.instructions import SEED_ROUND
from evobuild.core.measures import Measure, ReadsMeasures
from evobuild.core.params import Branches, Pools, Rounds, StageParams
from evobuild.selection.params import Select


class Decontaminate(StageParams):
    sets: Sets


class Models(StageParams):
    """Whether they are given is all that is read."""

    scorer: Any
    embedder: Any
    reward: Any
    tagger: Any


class Rate(StageParams):
    measures: list[Any]


class ValidateParams(ReadsMeasures):
    """What the stage `validate` reads."""

    rounds: Rounds
    branches: Branches
    pools: Pools
    rate: Rate
    models: Models
    decontaminate: Decontaminate
    select: Select
    contracts: Contracts

    def named_files(self) -> tuple[str, ...]:
        against = self.contracts.against
        return (against,) if against and is_file(against) else ()

    @property
    def round_names(self) -> list[str]:
        """The seed's round, the others, and the branches."""
        return [SEED_ROUND, *self.rounds, *self.branches]

    def is_measured(self, measure: Measure) -> bool:
        """Whether a measure is switched on; one whose switch is not known here is taken for on."""
        section, _, key = measure.switch.partition(".")
        return bool(getattr(getattr(self, section, None), key, True))
