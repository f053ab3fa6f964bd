"""Merge the files of a project three ways: current, as shipped before, and as shipped now.

No change of the user is lost: conflicting changes are both kept, between git's markers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from evobuild.cli.project.repository import merge_texts


class Change(NamedTuple):
    """A change of a file. content: the new one, None: remove it; written: False: leave it alone."""

    path: str
    how: str
    content: bytes | None
    written: bool = True


KEPT = {
    "deleted": "not here, and changed in the new version: left out",
    "dropped": "the new version has it no more, and it was changed here: left as it is",
    "link": "a link: left as it is",
}
"""Files that are left alone, and why."""


def merge_files(
    folder: Path, base: Mapping[str, bytes], theirs: Mapping[str, bytes], names: tuple[str, str]
) -> Iterator[Change]:
    """Yield the changes of all files, including those that are left alone, by path.

    folder: the project. base: files as they were shipped; theirs: as they are now. names: of both, in the
    markers of a conflict.
    """
    for path in sorted({*base, *theirs}):
        old, new = base.get(path), theirs.get(path)
        if old == new:
            continue
        file = folder / path
        if _is_link(folder, path):
            yield Change(path, "link", None, written=False)
            continue
        own = file.read_bytes() if file.is_file() else None
        if own != new:
            yield _classify_change(path, own, old, new, names)


def _classify_change(
    path: str, own: bytes | None, old: bytes | None, new: bytes | None, names: tuple[str, str]
) -> Change:
    """Classify the change of a file whose shipped content was `old` and is now `new`; None: no such file."""
    if own == old:
        return Change(path, "removed" if new is None else "added" if old is None else "updated", new)
    if own is None or new is None:
        return Change(path, "deleted" if own is None else "dropped", None, written=False)
    both, conflict = merge_texts(own, old or b"", new, ("yours", *names))
    return Change(path, "conflict" if conflict else "merged", both)


def _is_link(folder: Path, path: str) -> bool:
    """Whether a file, or a folder above it in the project, is a symbolic link."""
    parts = Path(path).parts
    return any(folder.joinpath(*parts[:count]).is_symlink() for count in range(1, len(parts) + 1))


def write_changes(folder: Path, changes: list[Change]) -> None:
    """Write or remove the changed files."""
    for change in changes:
        file = folder / change.path
        if change.written and change.content is None:
            file.unlink()
        elif change.written and change.content is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(change.content)
