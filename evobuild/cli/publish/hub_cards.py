"""Build the cards of hub repositories: the cards that stages wrote, plus facts known only when publishing.

A dataset's card gets its configs, a model's card the hub id of its dataset, both the git commit of the build.
huggingface_hub's own classes read and write the metadata.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evobuild.cards.dataset_info import parquet_info
from evobuild.cli.publish.build_origin import Origin
from evobuild.cli.publish.hub_files import Config, HubFile
from evobuild.core.errors import BadInput, require
from evobuild.core.escaping import code
from evobuild.core.text_files import read_text

MEANINGS = {
    "sft": "the data set, a row an instruction with its answer",
    "preferences": "pairs of answers, one that keeps a constraint and one that breaks it, as TRL reads them",
    "verifiers": "rows with functions that check their answers; models wrote these: run them in a sandbox",
    "rejects": "rows that were lost on the way, by stage, with the reason and the reply",
}


def build_dataset_card(path: Path, given: Sequence[tuple[Config, HubFile]], origin: Origin) -> str:
    """Add the configs to the dataset's card. Raises BadInput if its metadata cannot be read."""
    card = _read_card(path, "DatasetCard")
    configs = [config for config, _ in given]
    card.data.dataset_info = [parquet_info(config.name, file.source) for config, file in given]
    card.data.configs = [
        {
            "config_name": config.name,
            "data_files": [{"split": "train", "path": config.path}],
            **({"default": True} if config.name == "sft" else {}),
        }
        for config in configs
    ]
    lines = ["", "## Configs", "", "Each opens by its name: `load_dataset(<this repository>, <config>)`.", ""]
    lines += [f"- {code(each.name)}: {each.rows:,} rows; {MEANINGS[each.name]}" for each in configs]
    card.text = card.text.rstrip("\n") + "\n".join(["", *lines, "", *_origin_lines(origin)]) + "\n"
    return str(card)


def build_model_card(path: Path, origin: Origin, dataset: str | None) -> str:
    """Add the dataset to a tuned model's card. Raises BadInput as `build_dataset_card`."""
    card = _read_card(path, "ModelCard")
    if dataset:
        card.data.datasets = [dataset]
    card.text = card.text.rstrip("\n") + "\n".join(["", "", *_origin_lines(origin)]) + "\n"
    return str(card)


def _read_card(path: Path, kind: str) -> Any:
    """Read a card with huggingface_hub's class of this name."""
    import yaml

    hub = require("huggingface_hub", "data")
    try:
        return getattr(hub, kind)(read_text(path))
    except (ValueError, TypeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())[:200]
        raise BadInput(f"{path}: no metadata in YAML between '---': {reason}") from error


def _origin_lines(origin: Origin) -> list[str]:
    at = f"git commit {code(origin.commit)}" if origin.commit else "no commit of git"
    return [
        "## Published from",
        "",
        f"Built by evobuild at {at} of its project, where `dvc.lock` has {code(origin.path)} with md5",
        f"{code(origin.md5)}.",
    ]
