"""`evobuild pipeline`: write the files derived from the declarations of stages, from params and from code."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from evobuild.cli.check.all_params import PARAMS, load_all_params
from evobuild.cli.pipeline.declared_stages import Declared, import_declared_stages
from evobuild.cli.pipeline.dvc_yaml import build_pipeline_text
from evobuild.cli.pipeline.lock_text import build_lock_text
from evobuild.core import stages as roster
from evobuild.core.errors import UserError
from evobuild.core.library import template_folder
from evobuild.core.prompts import use_folder
from evobuild.core.yaml_files import read_yaml
from evobuild.process.lock import LOCK, WRITER

PIPELINE = Path("dvc.yaml")


def derive_files(params: Path = PARAMS) -> dict[Path, str]:
    """Derive this project's dvc.yaml and evobuild.lock, and in the library's own repository the roster.

    Args:
        params: the file to read as params.yaml.

    Raises UserError if params, a prompt, a package or a revision is invalid.
    """
    every, values = import_declared_stages(), load_all_params(params)
    before = PIPELINE.read_text(encoding="utf-8") if PIPELINE.is_file() else ""
    with use_folder(Path(values.prompts)):
        files = {
            PIPELINE: build_pipeline_text(every, read_yaml(params), before),
            LOCK: build_lock_text(every, values),
        }
    return files | _derive_roster(every)


def _derive_roster(stages: Iterable[Declared]) -> dict[Path, str]:
    """Derive the roster; only in the library's own repository."""
    is_own = template_folder() == Path.cwd()
    return {roster.FILE.relative_to(Path.cwd()): build_roster_text(stages)} if is_own else {}


def build_roster_text(stages: Iterable[Declared]) -> str:
    """Build the roster that `core/stages.py` reads: one line per stage."""
    lines = [
        json.dumps([each.name, each.stage.per, each.stage.asks, each.stage.counts], ensure_ascii=False)
        for each in stages
    ]
    return "[\n" + ",\n".join(f"  {line}" for line in lines) + "\n]\n"


def write_pipeline() -> list[Path]:
    """Write the derived files that changed; return their paths."""
    # First the roster: it is code, and the lock has a digest of it.
    return [*_write(_derive_roster(import_declared_stages())), *_write(derive_files())]


def _write(files: Mapping[Path, str]) -> list[Path]:
    changed = [path for path, text in files.items() if not _is_unchanged(path, text)]
    for path in changed:
        path.write_text(files[path], encoding="utf-8")
    return changed


def check_pipeline() -> None:
    """Raise UserError if dvc.yaml or evobuild.lock lacks something of this code and these params.

    They may have more, for example when `dvc exp run -S` removes a model or a file.
    """
    for path, text in derive_files().items():
        if path in (PIPELINE, LOCK) and (lack := _find_missing(yaml.safe_load(text), read_yaml(path), "")):
            raise UserError(f"{path}: {lack} is not as stages, params.yaml and libraries are; run: {WRITER}")


def _find_missing(wanted: Any, found: Any, place: str) -> str:
    """Return the place of the first wanted value that is not found; '' if all are."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        lacks = (_find_missing(own, found.get(key), f"{place}.{key}") for key, own in wanted.items())
    elif isinstance(wanted, list) and isinstance(found, list):
        lacks = (f"{place}: {own}" for own in wanted if own not in found)
    else:
        return "" if wanted in (None, found) else place.lstrip(".")
    return next((each.lstrip(".") for each in lacks if each), "")


def _is_unchanged(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text
