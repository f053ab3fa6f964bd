"""The section `export` of params.yaml."""

from __future__ import annotations

from typing import Literal

from evobuild.core.params import Part, Section
from evobuild.models.params import Models


class Export(Section):
    formats: list[Literal["alpaca", "sharegpt", "messages", "trl", "datasets"]]


class Sections(Section):
    export: Export


class ExportParams(Part):
    """What the stage `export` reads."""

    export: Export
    models: Models
