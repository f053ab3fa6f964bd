"""Create a project in a new folder: its files, seed data if given, git and DVC.

It is built in a temporary folder and moved at the end, so a failure leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from evobuild.cli import preset as presets
from evobuild.cli.check.all_params import PARAMS, Params, load_all_params
from evobuild.cli.check.consistency import check_params
from evobuild.cli.check.package_checks import check_packages
from evobuild.cli.overrides import overridden_params
from evobuild.cli.pipeline.pipeline import write_pipeline
from evobuild.cli.project import repository
from evobuild.cli.project.next_steps import list_next_steps
from evobuild.cli.project.params_file import find_changed_values, set_params
from evobuild.cli.project.template import BASE, pack, read_shipped_files
from evobuild.core.errors import UserError
from evobuild.core.escaping import safe_name
from evobuild.core.yaml_files import read_yaml
from evobuild.process.dvc_state import check_path
from evobuild.seeds.inspection import Inspection, inspect_file, render_inspection
from evobuild.seeds.params import Seed

MOST_COPIED = 20 * 2**20
"""Bytes of the largest seed file that is copied into the project, and so into git."""


def create_project(
    folder: Path, seed: Path | None = None, preset: str | None = None, changes: Sequence[str] = ()
) -> str:
    """Create a project; return the text to print.

        Args:
        seed: a file of seed data to copy; params are set to match it.
        preset: whose params to set.
        changes: of params, as for `-S`; applied last.

    Raises UserError if the folder has anything but `.git`, or if git, the preset, the seed data or a change
    is invalid.
    """
    repository.require_git()
    _refuse_full(folder)
    found = _inspect_seed(seed) if seed else None
    with _temporary_folder(folder.absolute()) as made:
        _lay_out(made)
        with contextlib.chdir(made):
            if preset:
                set_params(PARAMS, presets.read_preset(preset))
            if found:
                _take_seed(found)
            with overridden_params(changes) as changed:
                set_params(PARAMS, find_changed_values(read_yaml(PARAMS), read_yaml(changed)))
            params = load_all_params()
            with _importable(made):
                write_pipeline()
            remarks, steps = list(_list_remarks(params)), list(list_next_steps(params))
        _move(made, folder)
    # Leave out the matching params: they are set already, with the path of the copy.
    said = [render_inspection(found).partition("  params that fit")[0]] if found else []
    said += [f"{folder} is a project of its own; {repository.init_repository(folder)}\n"]
    said += [f"  cd {shlex.quote(str(folder))}\n"] if folder.absolute() != Path.cwd() else []
    said += [f"  {step}\n" for step in steps]
    return "".join([*said, *(f"! {remark}\n" for remark in remarks)])


def _refuse_full(folder: Path) -> None:
    check_path(folder)
    if os.path.lexists(folder) and not folder.is_dir():
        raise UserError(f"{folder}: is not a folder; expected the name of a new one")
    inside = sorted(path.name for path in folder.iterdir() if path.name != ".git") if folder.is_dir() else []
    if inside:
        raise UserError(
            f"{folder}: is not empty, it holds {inside[0]}; expected a new folder, or an empty one"
        )


@contextlib.contextmanager
def _temporary_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder on the same file system, so that its files can be renamed into place.

    It is inside `folder` if that exists: `folder` may be a mount point, in a parent that is not writable.
    """
    where = folder if folder.is_dir() else folder.parent
    where.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=".evobuild-", suffix=".partial", dir=where, ignore_cleanup_errors=True
    ) as made:
        yield Path(made)


def _lay_out(folder: Path) -> None:
    files = read_shipped_files()
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (folder / BASE).write_bytes(pack(files))


@contextlib.contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Make the scripts of a folder importable."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def _inspect_seed(seed: Path) -> Inspection:
    """Inspect seed data under the shipped params."""
    return inspect_file(seed.expanduser().absolute(), Seed())


def _take_seed(found: Inspection) -> None:
    """Copy seed data into this project unless it is too large for git, and set matching params."""
    values = dict(found.params)
    if found.path.stat().st_size <= MOST_COPIED:
        stem = safe_name(found.path.stem).replace(" ", "_").replace("/", "_") or "seed"
        target = Path("data/raw", stem + found.path.suffix)
        target = target.with_name(f"own_{target.name}") if target.exists() else target
        shutil.copyfile(found.path, target)
        with Path(".gitignore").open("a", encoding="utf-8") as file:
            file.write(f"!/{target}\n")
        values["seed.source"] = str(target)
    set_params(PARAMS, values)


def _list_remarks(params: Params) -> Iterator[str]:
    """Yield what is missing before a run, such as a model or a package."""
    for check in (check_packages, check_params):
        try:
            check(params)
        except UserError as error:
            yield str(error)


def _move(made: Path, folder: Path) -> None:
    """Move a folder's content to another, which is missing, empty, or has only `.git`."""
    folder.mkdir(exist_ok=True)
    for path in made.iterdir():
        path.rename(folder / path.name)
