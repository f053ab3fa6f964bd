"""The initial files of a project, from the installed library."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from evobuild.core import library
from evobuild.core.errors import BadInput

PARTS = (
    "params.yaml", "stages", "prompts", "presets", "expectations", ".gitignore", ".dvcignore",
    ".dvc/config", ".dvc/.gitignore", ".dvc/plots", "data/raw/sample.jsonl", "data/raw/constraints.txt",
    "data/raw/benchmarks", "data/evaluation/.gitkeep", "metrics/training/.gitkeep",
    "dvclive/plots/metrics/.gitkeep",
)  # fmt: skip
"""Paths of the template; pyproject.toml includes the same ones in the wheel."""
BASE = Path(".evobuild-base.zip")
"""In a project: the files as shipped when it was created or last upgraded, the base of later merges."""
_README = Path(__file__).with_name("README.md")
_MOST_BYTES = 64 * 2**20

Files = dict[str, bytes]
"""Contents by path in the project, such as "stages/seed.py"."""


def read_shipped_files() -> Files:
    """Read a project's initial files; `evobuild pipeline` derives its dvc.yaml and evobuild.lock."""
    folder = library.template_folder()
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in _iterate_paths(folder)}
    return found | {"README.md": _README.read_bytes()}


def _iterate_paths(folder: Path) -> Iterator[Path]:
    for part in PARTS:
        path = folder / part
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts and file.suffix != ".partial":
                yield file


def pack(files: Mapping[str, bytes]) -> bytes:
    """Pack files into a zip; the same files give the same bytes."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name), files[name], zipfile.ZIP_DEFLATED)
    return target.getvalue()


def unpack(path: Path) -> Files:
    """Read a file that `pack` made. Raises BadInput if it is malformed."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if sum(entry.file_size for entry in entries) > _MOST_BYTES:
                raise BadInput(
                    f"{path}: holds more than {_MOST_BYTES // 2**20} MiB; expected a project's files"
                )
            files = {entry.filename: archive.read(entry) for entry in entries}
    except (OSError, zipfile.BadZipFile, ValueError, EOFError, NotImplementedError, RuntimeError) as error:
        raise BadInput(f"{path}: not readable ({error}); bring it back from git") from error
    if outside := [name for name in files if PurePosixPath(name).is_absolute() or ".." in name.split("/")]:
        raise BadInput(f"{path}: holds {outside[0]!r}; expected paths inside the project")
    return files
