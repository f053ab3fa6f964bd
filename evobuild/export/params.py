"""The section `export` of params.yaml."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from evobuild.core.conversation import PLAIN
from evobuild.core.params import Section, WritesTables, default
from evobuild.core.suggestions import unknown_name
from evobuild.export.formats import DATASETS, FORMATS


def _format(value: str) -> str:
    if value not in (known := [*FORMATS, DATASETS]):
        raise ValueError(unknown_name("format", value, known))
    return value


Licence = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.+-]{1,60}$")]
"""A licence by the name that the Hugging Face hub has for it, such as cc-by-4.0."""


Formats = list[Annotated[str, AfterValidator(_format)]]


class Export(Section):
    """licence: of the data set; None: what follows from its parts. licences: of parts, by name."""

    formats: Formats = default(["alpaca", "sharegpt", "messages", "trl", "datasets"])
    licence: Licence | None = None
    licences: Annotated[dict[str, Licence], Field(max_length=100)] = default({})


class Sections(Section):
    export: Export


class ExportParams(WritesTables):
    """What the stage `export` reads."""

    export: Export

    def templates(self) -> tuple[str, ...]:
        return (PLAIN,)
