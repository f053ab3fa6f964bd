"""Upgrade a project to the installed version: merge its files, renew dvc.yaml and the lock."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from evobuild.cli.check.all_params import PARAMS
from evobuild.cli.pipeline.pipeline import PIPELINE
from evobuild.cli.project import repository
from evobuild.cli.project.merging import KEPT, Change, merge_files, write_changes
from evobuild.cli.project.staleness import find_stale_stages
from evobuild.cli.project.template import BASE, pack, read_shipped_files, unpack
from evobuild.core.errors import BadParams, UserError
from evobuild.core.scratch import ScratchFolder
from evobuild.core.yaml_files import read_yaml
from evobuild.process.lock import LOCK
from evobuild.process.version import __version__

DERIVED = (PIPELINE, LOCK)
_SECONDS = 120


def upgrade_project(check: bool) -> tuple[str, bool]:
    """Upgrade this project; return a description of the changes, and whether all is well.

        Args:
        check: write nothing; all is well only if nothing would change. Conflicts are never well.

    Raises UserError outside a project, or if its lock, its base or dvc.yaml cannot be read.
    """
    if not LOCK.is_file() or not BASE.is_file():
        raise UserError(f"{BASE}: no such file; run in a project that evobuild init made")
    repository.require_git()
    was, theirs = read_yaml(LOCK).get("version"), read_shipped_files()
    merged = merge_files(Path(), unpack(BASE), theirs, (f"evobuild {was}", f"evobuild {__version__}"))
    changes = [each for each in merged if Path(each.path) not in DERIVED]
    with ScratchFolder() as folder:
        derived, trouble = _derive(folder, changes)
        if not changes and not derived and not trouble:
            return f"evobuild {__version__}: nothing to upgrade\n", True
        lines = [f"evobuild {was} -> {__version__}", *map(_format_file, changes)]
        lines += [f"  renewed   {path}" for path in derived]
        lines += [trouble] if trouble else _format_stages(folder, [*derived, *_list_written(changes)])
        if not check:
            write_changes(Path(), changes)
            for path in derived:
                shutil.copyfile(folder / path, path)
            BASE.write_bytes(pack(theirs))
    conflicts = any(change.how == "conflict" for change in changes)
    if conflicts:
        lines.append(
            "Where both sides changed a line, the file has both between <<<<<<< and >>>>>>>: choose one."
        )
    return "".join(f"{line}\n" for line in lines), not check and not conflicts and not trouble


def _list_written(changes: Sequence[Change]) -> list[Path]:
    return [Path(change.path) for change in changes if change.written and change.content is not None]


def _derive(folder: Path, changes: list[Change]) -> tuple[list[Path], str]:
    """Build the upgraded project in a folder; return the files of DERIVED that change, or the problem.

    A new process derives them, since this one may have imported the old scripts.
    """
    prompts = [Path(read_yaml(PARAMS).get("prompts", "prompts"))]
    for path in (*DERIVED, PARAMS, Path("stages"), *prompts):
        if path.is_absolute() or not path.exists():
            continue
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if path.is_dir() else shutil.copyfile)(path, folder / path)
    write_changes(
        folder, [each for each in changes if each.content is not None or (folder / each.path).exists()]
    )
    environment = {**os.environ, "GIT_DIR": str(Path(".git").absolute())} if Path(".git").is_dir() else None
    command = [sys.executable, "-m", "evobuild", "pipeline"]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    if done.returncode:
        said = " ".join(done.stderr.split())[:400]
        return [], f"dvc.yaml and {LOCK} were not renewed ({said}); fix that, then run: evobuild pipeline"
    return [path for path in DERIVED if _content(path) != _content(folder / path)], ""


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _format_file(change: Change) -> str:
    return f"  {change.how:<8}  {change.path}{f' ({KEPT[change.how]})' if change.how in KEPT else ''}"


def _format_stages(folder: Path, changed: Sequence[Path]) -> Iterator[str]:
    """Yield the stages that become stale, and why."""
    if not Path("dvc.lock").is_file():
        yield "nothing was built yet, so nothing becomes stale"
        return
    try:
        own, after = find_stale_stages(_map_paths(folder, changed))
    except BadParams as error:
        yield f"which stages become stale cannot be told yet: {error}"
        return
    yield "stale:" if own else "no stage that was built becomes stale"
    width = max(map(len, own), default=0)
    yield from (f"  {stage:<{width}}  {'; '.join(reasons)}" for stage, reasons in own.items())
    if after:
        yield f"  and what may follow: {', '.join(after)}"


def _map_paths(folder: Path, changed: Sequence[Path]) -> Mapping[Path, Path]:
    return {path: folder / path for path in changed}
