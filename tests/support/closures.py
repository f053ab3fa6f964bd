"""What each stage imports by the word of grimp: a witness of the digests in evobuild.lock."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import grimp
from workspace import ROOT

from evobuild.process.imports import FACES, ROOM, data_files, read_source

STAGES = sorted(path.stem for path in (ROOT / "stages").glob("[!_]*.py"))
ASKED_FOR = re.compile(r'\brequire\("(\w+)')
"""How packages that only some installations have are imported."""


@cache
def closures() -> dict[str, frozenset[str]]:
    """The modules that each stage reaches, itself and the packages around them included."""
    return {stage: frozenset(_reached(f"stages.{stage}")) for stage in STAGES}


def libraries(stage: str) -> set[str]:
    """The packages of others, by the names they are imported by, that the modules of a stage import."""
    found = {name for module in closures()[stage] for name in _imported(module)}
    asked = {name for module in closures()[stage] for name in ASKED_FOR.findall(source(module).read_text())}
    return {name.partition(".")[0] for name in found | asked} - {"evobuild", "stages"}


def files(stage: str) -> set[str]:
    """The files of what a stage reaches and of what runs it, and the data files that these name."""
    running = {name for name in _graph().modules if f"{name}.".startswith(f"{ROOM}.")}
    reached = _reached(f"stages.{stage}").union(
        *(_reached(each) for name in running for each in _imported(name))
    )
    found = {source(name) for name in {*reached, *running, *FACES} if name.startswith(("evobuild", "stages"))}
    for path in list(found):
        found |= set(data_files(path, read_source(path.read_bytes(), path).names))
    return {path.relative_to(ROOT).as_posix() for path in found}


def source(module: str) -> Path:
    """The file of a module."""
    spec = find_spec(module)
    assert spec and spec.origin
    return Path(spec.origin)


@cache
def _graph() -> grimp.ImportGraph:
    return grimp.build_graph(
        "evobuild",
        "stages",
        include_external_packages=True,
        exclude_type_checking_imports=True,
        cache_dir=None,
    )


def _reached(script: str) -> set[str]:
    found: set[str] = set()
    waiting = {script}
    while waiting:
        name = waiting.pop()
        if name in FACES or name in found or f"{name}.".startswith(f"{ROOM}."):
            continue
        found.add(name)
        imported = {each for each in _imported(name) if each.startswith(("evobuild.", "stages."))}
        waiting |= imported | set(_packages(name))
    return found


def _imported(module: str) -> set[str]:
    return _graph().find_modules_directly_imported_by(module)


def _packages(name: str) -> Iterator[str]:
    parts = name.split(".")
    return (".".join(parts[:count]) for count in range(1, len(parts)))
