"""The library as it is installed: where its template of a project lies, and what its folders hold.

In a wheel the template is `evobuild/template`: dvc.yaml, params.yaml, stages, prompts, presets and sample
data, as they are shipped. In a checkout it is the checkout itself.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
UNCOUNTED = {"core/version.py"}
"""What changes no result: .dvcignore names it, too."""


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
        total = hashlib.blake2b(digest_size=16)
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = file.relative_to(PACKAGE).as_posix()
            if "__pycache__" not in file.parts and file.suffix != ".partial" and name not in UNCOUNTED:
                total.update(f"{name}\0{hashlib.blake2b(file.read_bytes()).hexdigest()}\n".encode())
        found[folder.name] = total.hexdigest()
    return found
