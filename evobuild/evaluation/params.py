"""The section `evaluate` of params.yaml."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from evobuild.core.params import Count, Section


class Evaluate(Section):
    """batch_tokens: of no effect; passes have one size."""

    max_length: Annotated[int, Field(ge=8)]
    batch_tokens: Count


class Sections(Section):
    evaluate: Evaluate
