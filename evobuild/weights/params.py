"""Roles of params.yaml that are played by weights: causal language models, embedders and the like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated

from pydantic import BeforeValidator, ValidationError

from evobuild.core.param_errors import first_error
from evobuild.core.params import Section
from evobuild.core.uri import Weights, parse_weights

LIBRARIES = ("numpy", "tokenizers", "torch", "transformers")
"""Those that change what weights give."""


class Plain(Section):
    """Weights with options; those without are just their hub id, folder or package.

    pickle: whether they may be pickles, of which tensors alone are read; else safetensors alone are taken.
    """

    uri: str
    pickle: bool = False

    def weights(self) -> Weights:
        """Read what is given. Raises ValueError if it is no name of a model."""
        return replace(parse_weights(self.uri), pickle=self.pickle)


class Adapted(Plain):
    """A scorer, which may have a LoRA folder over it."""

    adapter: str | None = None

    def weights(self) -> Weights:
        """Read what is given. Raises ValueError if it is no name of a model."""
        return replace(super().weights(), adapter=self.adapter or "")


def _reader(options: type[Plain]) -> Callable[[object], object]:
    """Build the parser of weights: their name, or a mapping with the name and options."""
    keys = ", ".join(f"{key}: …" for key in options.model_fields)

    def read(value: object) -> object:
        if isinstance(value, str):
            return parse_weights(value)
        if not isinstance(value, dict):
            return value
        try:
            return options.model_validate(value).weights()
        except ValidationError as error:
            raise ValueError(f"expected a name, or {{{keys}}}: {first_error(error, options)}") from error

    return read


WeightsRole = Annotated[Weights, BeforeValidator(_reader(Plain))]
"""A hub id, a folder or a package."""
AdaptedRole = Annotated[Weights, BeforeValidator(_reader(Adapted))]
"""Weights, alone or with a LoRA folder over them."""
