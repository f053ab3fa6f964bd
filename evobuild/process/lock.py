"""evobuild.lock: what stages depend on that DVC cannot see by itself, by digest or version.

    version: 0.9.0
    stages: {seed: 5f0c…, evolve: 0cc1…}            # of what each script imports: `imports.py`
    libraries: {numpy: 2.5.1, py3langid: 0.4.0}     # that change results; null: never installed here
    packages: {embedder: 8971…, scorer: null}       # models that come as packages, by role
    revisions: {v1.0.0: 77ab…}                      # data sets of git revisions, which params name

`evobuild pipeline` writes it, and `evobuild repro` before it builds. dvc.yaml names a stage's own entries as
params. A stage that DVC runs is refused under a lock that is not that of the code at hand.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

from evobuild.core.errors import BadInput, UserError
from evobuild.core.machine import repository_root
from evobuild.core.yaml_files import read_yaml
from evobuild.process.imports import Sources

LOCK = Path("evobuild.lock")
ENTRIES = ("stages", "libraries", "packages", "revisions")
WRITER = "evobuild pipeline"


def read_lock() -> dict[str, Any]:
    """Read evobuild.lock. Raises BadInput if it cannot be parsed."""
    found: dict[str, Any] = read_yaml(LOCK)
    if not all(isinstance(found.get(entry), dict) for entry in ENTRIES):
        raise BadInput(f"{LOCK}: expected {', '.join(ENTRIES)}, a mapping each; renew it with: {WRITER}")
    return found


def check_stage(name: str, libraries: Iterable[str]) -> None:
    """Raise UserError if evobuild.lock is of other code of a stage, or of other versions of its libraries."""
    if not LOCK.is_file():
        return
    locked = read_lock()
    sources = stage_sources()
    found = [] if locked["stages"].get(name) == sources.digest(f"stages.{name}") else ["code"]
    sources.keep()
    for library in libraries:
        version = read_installed_version(library)
        if version not in (None, locked["libraries"].get(library)):
            found.append(f"{library} {version} where the lock has {locked['libraries'].get(library)}")
    if found:
        raise UserError(f"{LOCK}: the stage {name} has other {', '.join(found)}; renew it with: {WRITER}")


def stage_sources() -> Sources:
    """Give the reader of this project's stages and of the library, with the digests that it keeps."""
    return Sources(Path.cwd(), repository_root() / ".evobuild" / "imports.json")


def read_installed_version(library: str) -> str | None:
    """Give a library's version, "2.13.0" of 2.13.0+cpu; None if it is not installed."""
    try:
        return metadata.version(library).partition("+")[0]
    except metadata.PackageNotFoundError:
        return None
