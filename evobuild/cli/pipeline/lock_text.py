"""Build evobuild.lock: digests of code, versions of libraries. `process/lock.py` reads it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from evobuild.cli.check.all_params import Params
from evobuild.cli.pipeline.declared_stages import Declared
from evobuild.contracts import earlier
from evobuild.core.errors import UserError
from evobuild.core.library import template_folder
from evobuild.core.uri import Weights
from evobuild.core.yaml_files import read_yaml
from evobuild.process.lock import LOCK, WRITER, read_installed_version, stage_sources
from evobuild.process.version import __version__
from evobuild.weights.identities import weights_identity

HEAD = f"""\
# What stages depend on that DVC cannot see: code, libraries, models that come as packages, git revisions.
# Written by `{WRITER}`; `evobuild repro` renews it first.
"""


def build_lock_text(stages: Iterable[Declared], params: Params) -> str:
    """Build evobuild.lock as YAML.

    Raises UserError if params name an unknown revision.
    """
    every, known = list(stages), _read_known_lock()
    sources = stage_sources()
    digests = {each.name: sources.digest(f"stages.{each.name}") for each in sorted(every)}
    sources.keep()
    libraries = sorted({library for each in every for library in each.stage.libraries})
    against = params.contracts.against
    content = {
        "version": __version__,
        "stages": digests,
        # Keep the recorded version of a library that is not installed: it computed nothing on this machine.
        "libraries": {
            name: read_installed_version(name) or known.get("libraries", {}).get(name) for name in libraries
        },
        "packages": {
            role: _hash_weights(model) or known.get("packages", {}).get(role) if model else None
            for role, model in list_packaged_roles(params).items()
        },
        "revisions": {against: earlier.find_dataset_md5(against)}
        if against and not earlier.is_file(against)
        else {},
    }
    return HEAD + yaml.safe_dump(content, sort_keys=False, default_flow_style=False)


def _read_known_lock() -> Mapping[str, Any]:
    """Read this project's current lock, else the shipped one."""
    files = [LOCK, template_folder() / LOCK]
    return next((read_yaml(path) for path in files if path.is_file()), {})


def _hash_weights(model: Weights) -> str | None:
    try:
        return weights_identity(model).partition("#")[2]
    except UserError:
        # Its package is not installed; the stage `check` reports that if the package is needed.
        return None


def list_packaged_roles(params: Params) -> dict[str, Weights | None]:
    """Return the roles of weights, each with its model if that is distributed as a package, else None."""
    roles = {"scorer": params.models.scorer, "embedder": params.models.embedder}
    roles |= {"reward": params.models.reward, "entailment": params.models.entailment}
    return {role: model if model and model.package else None for role, model in sorted(roles.items())}
