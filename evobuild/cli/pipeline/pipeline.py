"""`evobuild pipeline`: write what follows from the declarations of stages."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from evobuild.cli.pipeline.declared import Declared, declared_stages
from evobuild.cli.pipeline.dvc_yaml import pipeline_text
from evobuild.cli.project.pipeline import project_pipeline
from evobuild.core import stages as roster
from evobuild.core.library import template_folder
from evobuild.core.yaml_files import read_yaml

PIPELINE = Path("dvc.yaml")


def derived_files() -> dict[Path, str]:
    """Derive this project's dvc.yaml, and in the library's own repository the roster, from its stages."""
    every = declared_stages()
    before = read_yaml(PIPELINE) if PIPELINE.is_file() else {}
    pushed = any(each.get("local", {}).get("push") for each in before.get("vars") or ())
    text = pipeline_text(every, pushed)
    if template_folder() != Path.cwd():
        return {PIPELINE: project_pipeline(text)}
    return {PIPELINE: text, roster.FILE.relative_to(Path.cwd()): roster_text(every)}


def roster_text(stages: Iterable[Declared]) -> str:
    """The roster as `core/stages.py` reads it: a line a stage."""
    lines = [
        json.dumps([each.name, each.stage.per, each.stage.asks, each.stage.counts], ensure_ascii=False)
        for each in stages
    ]
    return "[\n" + ",\n".join(f"  {line}" for line in lines) + "\n]\n"


def write_pipeline() -> list[Path]:
    """Write the files that are another than they should be; give their paths."""
    changed = [(path, text) for path, text in derived_files().items() if not _is(path, text)]
    for path, text in changed:
        path.write_text(text, encoding="utf-8")
    return [path for path, _ in changed]


def _is(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text
