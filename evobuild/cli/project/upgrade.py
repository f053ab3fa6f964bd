"""A project on another version of the library: its lock is renewed, its files are merged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from evobuild.cli.check.params import PARAMS
from evobuild.cli.project import repository
from evobuild.cli.project.lock import is_current, lock_text, new_versions
from evobuild.cli.project.merging import KEPT, Change, merge_files, write_changes
from evobuild.cli.project.staleness import Changed, leaves, stale_stages
from evobuild.cli.project.template import BASE, pack, shipped_files, unpack
from evobuild.core import library
from evobuild.core.errors import BadParams, UserError
from evobuild.core.yaml_files import parse_yaml, read_yaml
from evobuild.process.version import __version__


def upgrade(check: bool) -> tuple[str, bool]:
    """Bring this project to the installed library; say what changes, and whether all went well.

    check: write nothing; then it is well if there is nothing to write. A conflict is not well.

    Raises UserError outside a project, or if its lock, its base or dvc.yaml cannot be read.
    """
    if not library.LOCK.is_file():
        raise UserError(f"{library.LOCK}: no such file; run in a project that evobuild init made")
    repository.require_git()
    locked, theirs = library.read_lock(), shipped_files()
    names = (f"evobuild {locked['version']}", f"evobuild {__version__}")
    changes = list(merge_files(Path(), unpack(BASE), theirs, names))
    changed = _changed(locked, changes)
    if is_current(locked) and not changes:
        return f"evobuild {__version__}: nothing to upgrade\n", True
    lines = [*_about_library(locked, changed), *map(_about_file, changes), *_about_stages(changed)]
    if not check:
        write_changes(Path(), changes)
        library.LOCK.write_text(lock_text(locked["libraries"]), encoding="utf-8")
        BASE.write_bytes(pack(theirs))
    conflicts = any(change.how == "conflict" for change in changes)
    if conflicts:
        lines.append(
            "Where both sides changed a line, the file has both between <<<<<<< and >>>>>>>: choose one."
        )
    return "".join(f"{line}\n" for line in lines), not check and not conflicts


def _changed(locked: Mapping[str, Any], changes: list[Change]) -> Changed:
    digests, versions = library.library_digests(), new_versions(locked["libraries"])
    written = {change.path for change in changes if change.written}
    params = [_changed_params(change) for change in changes if change.path == str(PARAMS) and change.content]
    return Changed(
        {name for name, digest in digests.items() if locked.get(name) != digest},
        {name for name, _ in versions.items() ^ library.locked_versions().items()},
        written,
        set().union(*params),
    )


def _changed_params(change: Change) -> set[str]:
    """Keys that have other values after a merge; none can be told where it is in conflict."""
    assert change.content is not None
    try:
        after = leaves(parse_yaml(change.content.decode(errors="replace"), PARAMS) or {})
        before = leaves(read_yaml(PARAMS))
    except BadParams:
        return set()
    return {key for key in {**before, **after} if before.get(key, PARAMS) != after.get(key, PARAMS)}


def _about_library(locked: Mapping[str, Any], changed: Changed) -> Iterator[str]:
    yield f"evobuild {locked['version']} -> {__version__}"
    if changed.folders:
        yield f"  other content: {', '.join(sorted(changed.folders))}"
    versions = new_versions(locked["libraries"])
    for name in sorted(changed.libraries):
        yield f"  {name} {locked['libraries'].get(name, 'none')} -> {versions.get(name, 'none')}"


def _about_file(change: Change) -> str:
    return f"  {change.how:<8}  {change.path}{f' ({KEPT[change.how]})' if change.how in KEPT else ''}"


def _about_stages(changed: Changed) -> Iterator[str]:
    """The stages that become stale, and why."""
    if not Path("dvc.lock").is_file():
        yield "nothing was built yet, so nothing becomes stale"
        return
    own, after = stale_stages(changed)
    yield "stale:" if own else "no stage that was built becomes stale"
    width = max(map(len, own), default=0)
    yield from (f"  {stage:<{width}}  {'; '.join(reasons)}" for stage, reasons in own.items())
    if after:
        yield f"  and what may follow: {', '.join(after)}"
