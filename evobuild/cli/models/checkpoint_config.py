"""Read a checkpoint's configuration without loading weights.

A checkpoint is a local folder, or a repository of the hub of which only small files are fetched.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evobuild.core.errors import UserError, require
from evobuild.core.uri import Weights
from evobuild.weights.sources import local_folder, refuse_pickles

CONTEXT = ("max_position_embeddings", "n_positions", "max_sequence_length", "seq_length")
"""Keys of the context length in configurations of different architectures."""

TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "tokenizer_config.json")
HUB_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """architecture: as transformers names it; context: in tokens, 0 if not given; template: for chat."""

    architecture: str
    context: int
    template: bool

    @property
    def facts(self) -> str:
        """Summarize it in a few words."""
        length = f"context {self.context:,}" if self.context else "context not given"
        return f"{self.architecture}, {length}, chat template: {'yes' if self.template else 'none'}"


def read_checkpoint_config(weights: Weights) -> Checkpoint:
    """Read a checkpoint's configuration.

    Raises UserError if it cannot be found, cannot be read, or lacks weights or a tokenizer.
    """
    local = weights.name.startswith(("/", ".", "~", "models/")) or weights.is_local
    find = _find_in_folder(local_folder(weights), weights.pickle) if local else _find_on_hub(weights)
    config = _read_json(find("config.json"))
    if not config:
        raise UserError(f"'{weights}' holds no config.json; give a model's folder or hub id")
    settings = _read_json(find("tokenizer_config.json"))
    text = config.get("text_config")
    text = text if isinstance(text, dict) else config
    context = next((text[name] for name in CONTEXT if isinstance(text.get(name), int)), 0)
    architecture = ", ".join(map(str, config.get("architectures") or [config.get("model_type", "unknown")]))
    template = bool(settings.get("chat_template")) or find("chat_template.jinja") is not None
    return Checkpoint(architecture, context, template)


def _read_json(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise UserError(
            f"{file}: cannot be read: {str(error).splitlines()[0]}; get the model again"
        ) from error
    if not isinstance(content, dict):
        raise UserError(f"{file}: expected a JSON object; get the model again")
    return content


def _find_in_folder(folder: Path, pickle: bool) -> Callable[[str], Path | None]:
    """Find files of a local checkpoint. Raises UserError if it lacks readable weights or a tokenizer."""
    if not folder.is_dir():
        raise UserError(f"the folder '{folder}' does not exist; give a model's folder or hub id")
    if not pickle:
        refuse_pickles(folder)
    if not pickle and not any(folder.glob("*.safetensors")):
        raise UserError(f"the folder '{folder}' holds no weights (*.safetensors); get the model again")
    if not any((folder / name).is_file() for name in TOKENIZERS):
        raise UserError(f"the folder '{folder}' holds no tokenizer; get the model again")
    return lambda name: path if (path := folder / name).is_file() else None


def _find_on_hub(weights: Weights) -> Callable[[str], Path | None]:
    """Find files of a repository of the hub, or of its local cache where the hub cannot be reached.

    Raises UserError if neither has it, or if an unpinned one cannot be looked up: no stage could name it.
    """
    hub, errors = require("huggingface_hub", "train"), require("huggingface_hub.errors", "train")
    # HTTPError is that of the hub's own client: a lost connection is one, and no OSError.
    problems = (errors.HTTPError, errors.HFValidationError, OSError, ValueError, RuntimeError)
    revision = weights.revision or None
    reached = True
    try:
        # Asked first because it gives up at once, where a download tries again for half a minute.
        hub.HfApi().model_info(weights.name, revision=revision, timeout=HUB_SECONDS)
    except problems as error:
        cached = revision and hub.try_to_load_from_cache(weights.name, "config.json", revision=revision)
        if not isinstance(cached, str):
            raise UserError(
                f"'{weights}' is no folder{', not in the local cache' if revision else ''} and cannot be "
                f"looked up on the hub ({_shorten(error)}); give a folder, or <hub id>@<revision>"
            ) from error
        reached = False

    def find(name: str) -> Path | None:
        try:
            file = hub.hf_hub_download(
                weights.name, name, revision=revision, etag_timeout=HUB_SECONDS, local_files_only=not reached
            )
        except errors.EntryNotFoundError:
            return None
        except problems as error:
            raise UserError(f"'{weights}' cannot be had of the hub: {_shorten(error)}") from error
        return Path(file)

    return find


def _shorten(error: Exception) -> str:
    lines = str(error).split("\n\n")
    return " ".join(lines[-1].split())[:120] or type(error).__name__
