"""The library as it is installed: where its template of a project lies, and what its folders hold.

In a wheel the template is `evobuild/template`: dvc.yaml, params.yaml, stages, prompts, presets and sample
data, as they are shipped. In a checkout it is the checkout itself.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from evobuild.core.errors import BadInput, UserError
from evobuild.core.yaml_files import read_yaml
from evobuild.process.version import __version__

PACKAGE = Path(__file__).parents[1]
UNCOUNTED = "process"
"""The folder that changes no result."""
LOCK = Path("evobuild.lock")
"""In a project of one's own: the version, and the content of each folder, that its stages depend on."""
LIBRARIES = (
    "accelerate", "datasets", "faiss-cpu", "great_expectations", "langdetect", "lm-eval", "math-verify",
    "nltk", "numpy", "peft", "polars", "py3langid", "rensa", "scikit-learn", "scipy",
    "sentence-transformers", "tokenizers", "torch", "transformers", "trl",
)  # fmt: skip
"""Libraries of others that compute something, by their names in a registry."""


BY_SIZE = {"faiss-cpu"}
"""Libraries that only large tables need: one that evobuild.lock does not name has computed nothing yet."""


def template_folder() -> Path:
    """Where what a project begins with lies as it is shipped: in the installed library, or its checkout."""
    installed = PACKAGE / "template"
    return installed if installed.is_dir() else PACKAGE.parent


def library_digests() -> dict[str, str]:
    """The content of each folder of the installed library: {"answering": "5f0c…", "core": "…"}, by name.

    Byte code and half-written files are no part of it. 32 hexadecimal digits each.
    """
    found = {}
    for folder in sorted(path for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()):
        if folder.name == UNCOUNTED:
            continue
        total = hashlib.blake2b(digest_size=16)
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = file.relative_to(PACKAGE).as_posix()
            if "__pycache__" not in file.parts and file.suffix != ".partial":
                total.update(f"{name}\0{hashlib.blake2b(file.read_bytes()).hexdigest()}\n".encode())
        found[folder.name] = total.hexdigest()
    return found


def library_versions() -> dict[str, str]:
    """The installed ones of LIBRARIES: {"numpy": "2.5.1", …}."""
    found = {}
    for name in LIBRARIES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def locked_versions() -> dict[str, str]:
    """The versions that this project computes with: those of evobuild.lock, and of extras installed since.

    A stage cannot have run without its libraries, so what the lock does not name makes nothing stale.
    """
    added = {name: own for name, own in library_versions().items() if name not in BY_SIZE}
    locked: dict[str, str] = read_lock()["libraries"]
    return added | locked


def read_lock() -> dict[str, Any]:
    """Read evobuild.lock: `version`, `libraries`, and a digest for each folder. Raises BadInput."""
    found: dict[str, Any] = read_yaml(LOCK)
    if not isinstance(found.get("version"), str) or not isinstance(found.get("libraries"), dict):
        raise BadInput(f"{LOCK}: expected 'version' and 'libraries'; renew it with: evobuild upgrade")
    return found


def hold_lock() -> None:
    """Raise UserError if the installed library is not the one of evobuild.lock; without that, pass."""
    if not LOCK.is_file():
        return
    locked, digests = read_lock(), library_digests()
    if changed := [name for name, digest in digests.items() if locked.get(name) != digest]:
        raise UserError(
            f"{LOCK}: evobuild {locked['version']}, but {__version__} is installed, with other content in "
            f"{', '.join(changed)}; run: evobuild upgrade"
        )
