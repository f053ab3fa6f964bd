"""The section `export` of params.yaml."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from evobuild.core.conversation import PLAIN
from evobuild.core.params import Part, Section
from evobuild.core.reads import Given, Reads
from evobuild.export.formats import DATASETS, FORMATS
from evobuild.models.params import Models


def _format(value: str) -> str:
    if value not in (known := [*FORMATS, DATASETS]):
        raise ValueError(f"expected {', '.join(map(repr, known[:-1]))} or {known[-1]!r}")
    return value


class Export(Section):
    formats: list[Annotated[str, AfterValidator(_format)]]


class Sections(Section):
    export: Export


class ExportParams(Part):
    """What the stage `export` reads."""

    export: Export
    models: Models

    def reads(self, given: Given) -> Reads:
        return Reads(prompts=(PLAIN,), libraries=None)
