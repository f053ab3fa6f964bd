"""Who plays which role: the models that params name, and whether they are there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from evobuild.core.errors import BadParams
from evobuild.core.uri import ChatModel, Weights
from evobuild.models.params import Models

CHAT_ROLES = ("evolver", "optimizer", "responder", "judge")
"""Those that every line has."""
OPTIONAL_CHAT_ROLES = ("tagger",)
EVALUATED = "evaluated"
"""The role of the models of `evaluate.models`; no key of `models` names them."""
WEIGHTS_ROLES = ("scorer", "embedder", "reward", "entailment")


def is_dry_run(models: Models, evaluated: Iterable[ChatModel] = ()) -> bool:
    """Whether a chat role or an evaluated model is simulated, so that nothing downstream is a result."""
    return any(model.simulated for model in (*chat_models(models).values(), *evaluated))


def chat_models(models: Models) -> dict[str, ChatModel]:
    """Get the chat model of each role that has one."""
    return _given(models, (*CHAT_ROLES, *OPTIONAL_CHAT_ROLES))


def evaluated_models(models: Mapping[str, ChatModel]) -> dict[str, ChatModel]:
    """Get the evaluated models, named as roles: "evaluated base"."""
    return {f"{EVALUATED} {name}": model for name, model in models.items()}


def weights_models(models: Models) -> dict[str, Weights]:
    """Get the weights of each role that has some."""
    return _given(models, WEIGHTS_ROLES)


def _given(models: Models, roles: tuple[str, ...]) -> dict[str, Any]:
    return {role: model for role in roles if (model := getattr(models, role)) is not None}


def check_models(models: Models, tuned: Mapping[str, Weights]) -> None:
    """Raise BadParams at the first model that cannot be at its named location.

    tuned: the models that are tuned, by the key of params that names each.
    """
    for key, weights in tuned.items():
        if weights.is_experienced:
            raise BadParams(
                f"params.yaml: {key} is '{weights}', which the stage experience makes of experience.base to "
                "score with; expected the model that tuning is to begin with"
            )
    _check_adapter(models)
    roles: dict[str, ChatModel | Weights] = dict(weights_models(models))
    roles |= {role: model for role, model in chat_models(models).items() if model.engine == "transformers"}
    check_folders({f"models.{role}": model for role, model in roles.items()} | dict(tuned))


def _check_adapter(models: Models) -> None:
    scorer = models.scorer
    if scorer and scorer.adapter and not Path(scorer.adapter, "adapter_config.json").is_file():
        raise BadParams(
            f"params.yaml: models.scorer.adapter is '{scorer.adapter}', which holds no adapter_config.json; "
            "expected a LoRA folder"
        )


def check_folders(found: Mapping[str, ChatModel | Weights]) -> None:
    """A model that is written as a path must be a folder; a hub id has at most one slash. found: by key."""
    for key, model in found.items():
        name = model.name
        if isinstance(model, Weights) and model.package:
            if model.revision:
                raise BadParams(f"params.yaml: {key} is '{model}'; a package has no revision")
            continue
        is_path = name.startswith(("/", ".", "~", "models/")) or name.count("/") > 1
        weights = Weights(name, model.revision)
        if is_path and not weights.is_local:
            raise BadParams(f"params.yaml: {key} names the folder '{name}', which does not exist")
        if weights.is_local and model.revision:
            raise BadParams(
                f"params.yaml: {key} is '{model}'; a folder has no revision, it counts by content"
            )
