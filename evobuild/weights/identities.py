"""Identify weights by content, so that a measurement or a reply belongs to one model only."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import metadata
from pathlib import Path

from evobuild.core.errors import UserError
from evobuild.core.uri import Weights
from evobuild.weights.params import LIBRARIES
from evobuild.weights.sources import checkpoint_folder, hub_commit, refuse_pickles

BLOCK = 1 << 20
"""Bytes read at a time."""


def weights_identity(weights: Weights) -> str:
    """Identify weights by content: a folder by its files, a hub id by its commit.

    Raises UserError if the folder is no model, or an unpinned hub id cannot be resolved.
    """
    if weights.is_local:
        return f"{weights.name}#{_digest(checkpoint_folder(weights))}"
    if weights.revision:
        return str(weights)
    try:
        return f"{weights.name}@{hub_commit(weights)}"
    except UserError as error:
        raise UserError(
            f"the model '{weights.name}' is no folder, its revision is not given, and {error}\n"
            "give a folder, or pin it as <hub id>@<revision>"
        ) from error


def weights_loaded(role: str, weights: Weights | None) -> list[dict[str, str]]:
    """Describe loaded weights for a stage's counts: [{"role": "scorer", "model": …, "identity": …}].

    Raises UserError as `weights_identity`.
    """
    if weights is None:
        return []
    identity = weights_identity(weights)
    if weights.adapter:
        identity += f"[adapter={adapter_identity(weights.adapter)}]"
    return [{"role": role, "model": str(weights), "identity": identity}]


def measuring_identity(weights: Weights) -> str:
    """Identify weights and the libraries that run them, for measurement caches. Raises as above."""
    return " ".join([weights_identity(weights), *_read_versions()])


@cache
def _read_versions() -> tuple[str, ...]:
    return tuple(f"{name}=={read_installed_version(name)}" for name in LIBRARIES)


def read_installed_version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "none"


def adapter_identity(adapter: str) -> str:
    """Identify a LoRA folder by its content. Raises UserError for another folder."""
    check_adapter(adapter)
    return f"{adapter}#{_digest(Path(adapter))}"


def check_adapter(adapter: str) -> None:
    """Raise UserError unless a folder is a LoRA folder with safetensors."""
    if not (Path(adapter) / "adapter_config.json").exists():
        raise UserError(f"the adapter '{adapter}' holds no adapter_config.json; give a LoRA folder")
    refuse_pickles(Path(adapter))
    if not (Path(adapter) / "adapter_model.safetensors").exists():
        raise UserError(
            f"the adapter '{adapter}' holds no adapter_model.safetensors; give a whole LoRA folder"
        )


def _digest(folder: Path) -> str:
    total = hashlib.blake2b(digest_size=10)
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        total.update(f"{file.relative_to(folder)}\n{file.stat().st_size}\n".encode())
        with file.open("rb") as stream:
            while block := stream.read(BLOCK):
                total.update(block)
    return total.hexdigest()
