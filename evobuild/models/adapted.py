"""A folder that holds a LoRA adapter alone, named as a model: it is its base with the adapter over it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from evobuild.core.errors import UserError
from evobuild.core.json_files import read_json_file
from evobuild.core.uri import ChatModel, Weights

CONFIG = "adapter_config.json"
IN_PROCESS = ("transformers", "vllm")
"""Engines that read folders."""


def with_base(model: ChatModel) -> ChatModel:
    """Give the base with the adapter, if a model is a folder with an adapter alone; any other as it is.

    Raises UserError if the adapter does not name its base, or names a folder that is not there.
    """
    folder = Path(model.name)
    if model.engine not in IN_PROCESS or model.adapter or not is_adapter_alone(folder):
        return model
    config = read_json_file(folder / CONFIG)
    base = config.get("base_model_name_or_path") if isinstance(config, dict) else None
    if not isinstance(base, str) or not base:
        raise UserError(
            f"the model '{model}' is an adapter whose {CONFIG} names no base; "
            f"expected {{uri: {model.engine}:<base>, adapter: {folder}}}"
        )
    # A hub id has at most one slash.
    if (base.startswith(("/", ".", "models/")) or base.count("/") > 1) and not Weights(base).is_local:
        raise UserError(
            f"the model '{model}' is an adapter of the base '{base}', which is not there; "
            f"expected {{uri: {model.engine}:<base>, adapter: {folder}}}"
        )
    revision = config.get("revision")
    return replace(
        model, name=base, revision=revision if isinstance(revision, str) else "", adapter=str(folder)
    )


def is_adapter_alone(folder: Path) -> bool:
    """Whether a folder holds an adapter and no model."""
    return (folder / CONFIG).is_file() and not (folder / "config.json").is_file()
