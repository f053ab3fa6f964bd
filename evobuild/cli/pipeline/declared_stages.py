"""The stages that this project's scripts declare, in the order of the pipeline."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from evobuild.core.declaration import Stage
from evobuild.core.errors import BadInput
from evobuild.core.library import template_folder

FOLDER = Path("stages")


class Declared(NamedTuple):
    """A stage: the name of its script, and what that declares."""

    name: str
    stage: Stage
    main: Callable[..., None]


def import_declared_stages(folder: Path = FOLDER) -> list[Declared]:
    """Import every script of a folder that is importable as `stages`; return its stages in pipeline order.

    Raises BadInput if a script cannot be imported, or its `after` names no stage.
    """
    found: dict[str, Declared] = {}
    for path in sorted(folder.glob("[!_]*.py")):
        try:
            module = importlib.import_module(f"stages.{path.stem}")
        except ImportError as error:
            raise BadInput(
                f"{path}: cannot be imported ({error}); if it is of another version: evobuild upgrade"
            ) from error
        if isinstance(declared := getattr(module, "STAGE", None), Stage):
            found[path.stem] = Declared(path.stem, declared, module.main)
    for name, each in found.items():
        if each.stage.after and each.stage.after not in found:
            raise BadInput(f"stages/{name}.py: STAGE.after is '{each.stage.after}'; expected another stage")
    ordered = list(_order_after("", found))
    if len(ordered) < len(found):
        lost = ", ".join(sorted(found.keys() - set(ordered)))
        raise BadInput(f"stages: {lost} follow one another in a circle; change STAGE.after of one")
    return [found[name] for name in ordered]


def _order_after(name: str, found: Mapping[str, Declared]) -> Iterator[str]:
    """Yield the stages after one, depth first; of two after the same stage, the shorter chain comes first."""
    own = [other for other, each in found.items() if each.stage.after == name]
    lines = [[other, *_order_after(other, found)] for other in own]
    for line in sorted(lines, key=lambda line: (len(line), line)):
        yield from line


@cache
def import_shipped_stage(name: str) -> ModuleType:
    """Import the shipped script of a stage, whatever `stages` the current folder has."""
    file = template_folder() / "stages" / f"{name}.py"
    spec = spec_from_file_location(f"evobuild.template.stages.{name}", file)
    assert spec and spec.loader, "a Python file has a loader"
    module = module_from_spec(spec)
    # Dataclasses resolve annotations through sys.modules.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
