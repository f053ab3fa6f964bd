"""Check that the folder of prompts exists and has every template that these params need."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from evobuild.cli.check.path_checks import check_path_name
from evobuild.cli.pipeline.declared_stages import import_declared_stages
from evobuild.core.declaration import params_schema
from evobuild.core.errors import BadParams
from evobuild.core.params import StageParams
from evobuild.core.prompts import FOLDER, current_folder, included
from evobuild.core.stages import stage_instances

SHOWN = 5
"""Of the templates that are missing."""


def check_prompts(values: Mapping[str, Any]) -> None:
    """Raise BadParams if the folder, or a template in it, is missing; BadInput if one is no template.

    Templates are read from the current folder of prompts.

    Args:
        values: the content of params.yaml.
    """
    folder = current_folder()
    check_path_name("prompts", str(folder))
    if not folder.is_dir():
        found = "is no folder" if folder.exists() else "does not exist"
        raise BadParams(
            f"params.yaml: prompts '{folder}' {found}; expected a folder with a template for each "
            f"prompt, such as a copy of {FOLDER}/"
        )
    needed = _list_needed_prompts(values)
    if missing := [name for name in sorted(needed) if not (folder / name).is_file()]:
        more = len(missing) - SHOWN
        shown = ", ".join(missing[:SHOWN]) + (f" and {more} more" if more > 0 else "")
        raise BadParams(
            f"params.yaml: prompts: {folder}{os.sep} lacks {shown}, which stages depend on; add "
            f"{'them' if missing[1:] else 'it'}, or copy what you do not change from {FOLDER}/"
        )
    included(needed)


def _list_needed_prompts(values: Mapping[str, Any]) -> set[str]:
    """List the prompts that stages may render under these params, and others that dvc.yaml names."""
    running = {each.stage.name for each in stage_instances(values)}
    found: set[str] = set()
    for each in import_declared_stages():
        schema = params_schema(each.main)
        if each.name in running and issubclass(schema, StageParams):
            found |= {*schema.model_validate(values).templates()}
        found |= {name for name in each.stage.prompts if name.endswith(".jinja")}
    return found
