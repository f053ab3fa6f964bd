"""Find the commit that first recorded a file in dvc.lock, and extract its params and prompts.

dvc.lock has the MD5 of every file that a stage wrote, so the oldest commit with that MD5 made the file.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from evobuild.cli.check.all_params import PARAMS, Params
from evobuild.cli.explain.lock_sources import LOCK, compute_dvc_md5, read_locked_stages
from evobuild.cli.project.params_file import find_changed_values
from evobuild.core.errors import UserError
from evobuild.core.params import default_values
from evobuild.core.prompts import FOLDER
from evobuild.core.yaml_files import read_yaml
from evobuild.evolution.params import method_paths

METHOD = Path("data/method.txt")
SECONDS = 60


class Commit(NamedTuple):
    """A commit. date: ISO 8601. subject: the first line of what its author said of it."""

    hash: str
    date: str
    subject: str


def find_commit(digest: str) -> Commit | None:
    """Find the commit that made the content of this MD5; None if it is uncommitted, or without git."""
    # -S lists commits in which the number of mentions changed; --reverse puts the oldest first.
    found = _run_git("log", "--reverse", "--format=%H%x00%cI%x00%s", f"-S{digest}", "--", str(LOCK))
    lines = found.decode(errors="replace").splitlines() if found else []
    return Commit(*lines[0].split("\0", 2)) if lines else None


@contextmanager
def extract_files(commit: Commit | None, method: str) -> Iterator[Path]:
    """Yield a folder with params.yaml, prompts and dvc.lock of a commit, and a method in data/method.txt.

    The file of `evolve.file` is included if git has it.

    Args:
        commit: None: use the files at hand.
        method: text of data/method.txt.

    Raises UserError if the commit has no params.yaml.
    """
    with tempfile.TemporaryDirectory(prefix="evobuild-lineage-") as name:
        folder = Path(name)
        if commit is None:
            shutil.copy(PARAMS, folder / PARAMS)
            shutil.copy(LOCK, folder / LOCK)
            if (prompts := find_prompt_folder(folder)).is_dir() and not prompts.is_absolute():
                shutil.copytree(prompts, folder / prompts)
        else:
            _extract(commit, folder)
        for own in list_own_methods(read_params(folder)):
            if not (folder / own).exists():
                _add_file(commit, own, folder)
        (folder / METHOD).parent.mkdir(exist_ok=True)
        (folder / METHOD).write_text(method, encoding="utf-8")
        yield folder


def list_own_methods(params: dict[str, Any]) -> list[str]:
    """List the files of methods that params name: `evolve.file`, and those of `evolve.methods`."""
    file, by_domain = find_param(params, "evolve.file"), find_param(params, "evolve.methods")
    named = by_domain.values() if isinstance(by_domain, dict) else ()
    return [each for each in (file, *method_paths(named)) if isinstance(each, str)]


def _extract(commit: Commit, folder: Path) -> None:
    _unpack(commit, folder, str(PARAMS), str(LOCK))
    if not (prompts := find_prompt_folder(folder)).is_absolute():
        _unpack(commit, folder, str(prompts))


def _unpack(commit: Commit, folder: Path, *names: str) -> None:
    content = _run_git("archive", commit.hash, *names)
    if content is None:
        raise UserError(f"commit {commit.hash[:10]}: git archive gave no {' and '.join(names)} of it")
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        archive.extractall(folder, filter="data")


def _add_file(commit: Commit | None, name: str, folder: Path) -> None:
    """Add a file that params name, unless it is missing or outside the folder."""
    target = (folder / name).resolve()
    if folder.resolve() not in target.parents:
        return
    here = Path(name)
    content = (
        (here.read_bytes() if here.is_file() else None)
        if commit is None
        else _read_committed_file(commit, name)
    )
    if content is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def _read_committed_file(commit: Commit, name: str) -> bytes | None:
    return _run_git("show", f"{commit.hash}:./{name}")


def read_params(folder: Path) -> dict[str, Any]:
    """Read params.yaml of a folder without validation: it may be of another version. Raises BadParams."""
    found: dict[str, Any] = read_yaml(folder / PARAMS)
    return found


def find_prompt_folder(folder: Path) -> Path:
    """Return the folder of prompts that a folder's params name; params of older versions name none:
    `prompts`.
    """
    name = find_param(read_params(folder), "prompts")
    return Path(os.path.normpath(name)) if isinstance(name, str) else FOLDER


def find_param(values: dict[str, Any], key: str) -> Any:
    """Return the value of a dotted key; None if it is missing, as in params of another version."""
    found: Any = values
    for name in key.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def find_changed_params(values: dict[str, Any]) -> dict[str, Any]:
    """Find the params that differ from the shipped ones, by dotted key."""
    return find_changed_values(default_values(Params), values)


def find_changed_files(folder: Path) -> list[str]:
    """List params.yaml and prompts in a folder whose content differs from what its dvc.lock recorded."""
    stages = read_locked_stages(folder / LOCK)
    values = stages.get("check", {}).get("params", {}).get(str(PARAMS))
    changed = [str(PARAMS)] if values not in (None, read_yaml(folder / PARAMS)) else []
    deps = {dep["path"]: dep.get("md5") for each in stages.values() for dep in each.get("deps", ())}
    prompts = sorted(path for path in deps if Path(path).is_relative_to(find_prompt_folder(folder)))
    return [*changed, *(path for path in prompts if deps[path] != compute_dvc_md5(folder / path))]


def _run_git(*words: str) -> bytes | None:
    """Run git and return its output; None if it failed or is not installed."""
    if shutil.which("git") is None:
        return None
    done = subprocess.run(["git", *words], capture_output=True, timeout=SECONDS, check=False)
    return None if done.returncode else done.stdout
