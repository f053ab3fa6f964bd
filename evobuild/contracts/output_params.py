"""What the stage `validate_outputs` reads of params.yaml: of models and benchmarks the names alone."""

from __future__ import annotations

from typing import Any

from evobuild.contracts.params import Contracts
from evobuild.core.params import Name, StageParams
from evobuild.export.params import Formats


class Export(StageParams):
    formats: Formats


class Evaluate(StageParams):
    models: dict[Name, Any]
    benchmarks: dict[Name, Any]


class Compare(StageParams):
    pairs: list[Any]


class OutputParams(StageParams):
    """What the stage `validate_outputs` reads."""

    export: Export
    bases: dict[Name, Any]
    evaluate: Evaluate
    compare: Compare
    contracts: Contracts
