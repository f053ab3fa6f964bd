"""Who plays which role: the models that params name, and whether they are there."""

from __future__ import annotations

from importlib import util
from pathlib import Path
from typing import Any

from evobuild.core.errors import BadParams
from evobuild.core.uri import ChatModel, Weights
from evobuild.models.params import Models

CHAT_ROLES = ("evolver", "optimizer", "responder", "judge")
"""Those that every line has."""
OPTIONAL_CHAT_ROLES = ("tagger",)
WEIGHTS_ROLES = ("scorer", "base", "embedder", "reward", "entailment")


def is_dry_run(models: Models) -> bool:
    """Whether a chat role is simulated, so that nothing downstream is a result."""
    return any(model.simulated for model in chat_models(models).values())


def chat_models(models: Models) -> dict[str, ChatModel]:
    """The chat model of each role that has one."""
    return _given(models, (*CHAT_ROLES, *OPTIONAL_CHAT_ROLES))


def weights_models(models: Models) -> dict[str, Weights]:
    """The weights of each role that has some."""
    return _given(models, WEIGHTS_ROLES)


def _given(models: Models, roles: tuple[str, ...]) -> dict[str, Any]:
    return {role: model for role in roles if (model := getattr(models, role)) is not None}


def check_models(models: Models) -> None:
    """Raise BadParams at the first model that cannot be where it is said to be."""
    if models.base.is_experienced:
        raise BadParams(
            f"params.yaml: models.base is '{models.base}', which the stage experience makes of models.base; "
            "expected the model that it is to begin with"
        )
    _check_adapter(models)
    _check_folders(models)


def _check_adapter(models: Models) -> None:
    scorer = models.scorer
    if scorer and scorer.adapter and not Path(scorer.adapter, "adapter_config.json").is_file():
        raise BadParams(
            f"params.yaml: models.scorer.adapter is '{scorer.adapter}', which holds no adapter_config.json; "
            "expected a LoRA folder"
        )


def _check_folders(models: Models) -> None:
    """A model that is written as a path must be a folder; a hub id has at most one slash."""
    roles: dict[str, ChatModel | Weights] = dict(weights_models(models))
    chat = chat_models(models)
    roles |= {role: model for role, model in chat.items() if model.engine == "transformers"}
    for role, model in roles.items():
        name = model.name
        if isinstance(model, Weights) and model.package:
            _check_package(role, model)
            continue
        is_path = name.startswith(("/", ".", "~", "models/")) or name.count("/") > 1
        weights = Weights(name, model.revision)
        if is_path and not weights.is_local:
            raise BadParams(f"params.yaml: models.{role} names the folder '{name}', which does not exist")
        if weights.is_local and model.revision:
            raise BadParams(
                f"params.yaml: models.{role} is '{model}'; a folder has no revision, it counts by content"
            )


def _check_package(role: str, model: Weights) -> None:
    if model.revision:
        raise BadParams(f"params.yaml: models.{role} is '{model}'; a package has no revision")
    if util.find_spec(model.package) is None:
        raise BadParams(
            f"params.yaml: models.{role} names the package '{model.package}', which is not installed; "
            f"install it, or choose another model, or null for none"
        )
