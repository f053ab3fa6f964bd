"""What a repository of the hub is made of: its paths, each with the file whose content it gets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

CARD = "README.md"


class HubFile(NamedTuple):
    """A file of the repository. path: in it. source: here."""

    path: str
    source: Path

    @property
    def bytes(self) -> int:
        """How large it is."""
        return self.source.stat().st_size


class Config(NamedTuple):
    """A table that `load_dataset(repository, name)` opens. path: of its Parquet file in the repository."""

    name: str
    path: str
    rows: int


class Contents(NamedTuple):
    """A repository as it is to be. left_out: what it lacks, with the reason."""

    files: list[HubFile]
    configs: list[Config]
    left_out: list[str]


def list_files(folder: Path) -> Iterator[HubFile]:
    """All files of a folder but its card, under the paths that they have in it, in their order."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name != CARD:
            yield HubFile(name, path)


def format_size(size: int) -> str:
    """Bytes to read: "4.3 MB"."""
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"
