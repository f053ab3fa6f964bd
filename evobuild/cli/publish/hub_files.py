"""The files of a hub repository: paths in it, each with the local file to upload."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

CARD = "README.md"


class HubFile(NamedTuple):
    """A file of the repository. path: in the repository. source: the local file."""

    path: str
    source: Path

    @property
    def bytes(self) -> int:
        """Size in bytes."""
        return self.source.stat().st_size


class Config(NamedTuple):
    """A table that `load_dataset(repository, name)` opens. path: of its Parquet file in the repository."""

    name: str
    path: str
    rows: int


class Contents(NamedTuple):
    """The planned content of a repository. left_out: what it lacks, with the reason."""

    files: list[HubFile]
    configs: list[Config]
    left_out: list[str]


def list_files(folder: Path) -> Iterator[HubFile]:
    """Yield all files of a folder except its card, with their relative paths, sorted."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name != CARD:
            yield HubFile(name, path)


def format_size(size: int) -> str:
    """Format a number of bytes for people, such as "4.3 MB"."""
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"
