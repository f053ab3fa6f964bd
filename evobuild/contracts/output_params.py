"""What the stage `validate_outputs` reads of params.yaml: of models and benchmarks the names alone."""

from __future__ import annotations

from typing import Any

from evobuild.contracts.params import Contracts
from evobuild.core.params import Name, Part
from evobuild.export.params import Formats


class Export(Part):
    formats: Formats


class Evaluate(Part):
    models: dict[Name, Any]
    benchmarks: dict[Name, Any]


class Compare(Part):
    pairs: list[Any]


class OutputParams(Part):
    """What the stage `validate_outputs` reads."""

    export: Export
    bases: dict[Name, Any]
    evaluate: Evaluate
    compare: Compare
    contracts: Contracts
