"""What a wheel has as the template of a project, laid out in a folder."""

from __future__ import annotations

import shutil
from pathlib import Path

from workspace import ROOT, SHIPPED_PARAMS

from evobuild.cli.project.template import PARTS


def lay_out(folder: Path) -> Path:
    """Copy the template into a new folder."""
    for part in PARTS:
        source, target = SHIPPED_PARAMS if part == "params.yaml" else ROOT / part, folder / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    return folder
