"""Roles of params.yaml that are played by weights: causal language models, embedders and the like."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from pydantic import BeforeValidator, ValidationError

from evobuild.core.params import Section, first_error
from evobuild.core.uri import Weights, parse_weights

WeightsRole = Annotated[
    Weights, BeforeValidator(lambda value: parse_weights(value) if isinstance(value, str) else value)
]
"""A hub id, a folder or a package."""


class Adapted(Section):
    """A scorer with a LoRA folder; one without is just its hub id or folder."""

    uri: str
    adapter: str | None = None


def _adapted(value: object) -> object:
    """Read a scorer: its name, or a mapping with the name and an adapter."""
    if isinstance(value, str):
        return parse_weights(value)
    if not isinstance(value, dict):
        return value
    try:
        given = Adapted.model_validate(value)
    except ValidationError as error:
        raise ValueError(
            f"expected a name, or {{uri: …, adapter: …}}: {first_error(error, Adapted)}"
        ) from error
    return replace(parse_weights(given.uri), adapter=given.adapter or "")


AdaptedRole = Annotated[Weights, BeforeValidator(_adapted)]
"""Weights, alone or with a LoRA folder over them."""
