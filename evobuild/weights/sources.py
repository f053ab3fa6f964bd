"""Where weights are found: in a folder, in a package, on the hub or in the hub's cache."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from importlib import util
from pathlib import Path

from evobuild.core.errors import UserError, require
from evobuild.core.uri import Weights

PICKLES = (
    "pytorch_model*.bin",
    "adapter_model*.bin",
    "model*.bin",
    "consolidated*.pth",
    "*.pt",
    "*.pkl",
    "*.ckpt",
)
"""Names of weights as pickles."""

HUB_SECONDS = 5.0
"""To wait for the hub's answer, before a download that would try again for most of a minute."""


def weights_source(weights: Weights) -> tuple[str, str | None]:
    """Return where to load weights from: a folder and None, or a hub id and its revision.

    Where the hub does not give them it is the folder of the hub's cache that holds them.

    Raises UserError, within seconds, if the folder is no model, or neither hub nor cache has them.
    """
    if weights.is_local:
        return str(checkpoint_folder(weights)), None
    constants = require("huggingface_hub.constants", "train")
    return _hub_source(weights, constants.ENDPOINT, constants.HF_HUB_CACHE)


def checkpoint_folder(weights: Weights) -> Path:
    """Return the folder of local weights. Raises UserError if it holds no model, or pickles."""
    folder = local_folder(weights)
    if (folder / "config.json").exists():
        if not weights.pickle:
            refuse_pickles(folder)
        return folder
    made = (
        f"the stage {weights.made_by} makes it"
        if weights.made_by
        else "give a folder with config.json and weights"
    )
    raise UserError(f"the model folder '{folder}' holds no config.json; {made}")


def refuse_pickles(folder: Path) -> None:
    """Raise UserError if weights in a folder, or deeper in it, are pickles alone, whose code loading runs.

    A pickle beside safetensors, as a trainer leaves its own state, is never looked at.
    """
    found = (file for pattern in PICKLES for file in folder.rglob(pattern))
    for file in sorted(found):
        if not any(file.parent.glob("*.safetensors")):
            raise UserError(
                f"the weights '{file}' are a pickle, which may run code when it is loaded; "
                "expected *.safetensors; give {uri: …, pickle: true} to read its tensors and nothing else"
            )


def local_folder(weights: Weights) -> Path:
    """Return the folder of local weights, even if missing: a package is located, not imported.

    Raises UserError if it is not installed.
    """
    if not weights.package:
        return Path(weights.name)
    found = util.find_spec(weights.package)
    if found is None or not found.submodule_search_locations:
        raise UserError(
            f"the package '{weights.package}' is not installed; install it, or choose another model"
        )
    return Path(found.submodule_search_locations[0]) / "model"


def hub_commit(weights: Weights) -> str:
    """Ask the hub for a revision's commit. Raises UserError with the hub's error."""
    hub, errors = require("huggingface_hub", "train"), require("huggingface_hub.errors", "train")
    try:
        info = hub.HfApi().model_info(weights.name, revision=weights.revision or None, timeout=HUB_SECONDS)
    # HTTPError is that of the hub's own client: a lost connection is one, and no OSError.
    except (errors.HTTPError, errors.HFValidationError, OSError, ValueError) as error:
        reason = str(error).split("\n\n")[-1].partition("\n")[0][:160] or type(error).__name__
        raise UserError(f"{hub.constants.ENDPOINT} does not give it: {reason}") from error
    commit: str = info.sha
    return commit


@cache
def _hub_source(weights: Weights, endpoint: str, hub_cache: str) -> tuple[str, str | None]:
    """Look up weights in the hub and its cache, once per process."""
    hub, revision = require("huggingface_hub", "train"), weights.revision or None
    try:
        hub_commit(weights)
    except UserError as error:
        # ValueError: a name that no hub could have.
        with suppress(ValueError):
            config = hub.try_to_load_from_cache(weights.name, "config.json", hub_cache, revision=revision)
            if isinstance(config, str):
                return str(Path(config).parent), None
        raise UserError(
            f"the model '{weights}' is no folder, not in the hub's cache, and {error}\n"
            "give a folder, or fill the cache where the hub can be reached"
        ) from error
    return weights.name, revision
