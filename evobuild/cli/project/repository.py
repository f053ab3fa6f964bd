"""Run git for a project: create its repository and first commit, and merge two changes of a file."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from evobuild.core.errors import UserError

SECONDS = 60


def require_git() -> None:
    """Raise UserError if git is not installed."""
    if shutil.which("git") is None:
        raise UserError(
            "git: not found; install it: a project is a git repository, with DVC for what is built"
        )


def init_repository(folder: Path) -> str:
    """Put a new project under git, and commit it if git has an author; return what was done."""
    if _run_git(folder, "rev-parse", "--is-inside-work-tree") and not (folder / ".git").exists():
        return "it is inside a git repository: git add it there"
    if not (folder / ".git").exists() and not _run_git(folder, "init", "--quiet"):
        return "git init failed: create a git repository there before running dvc"
    if _run_git(folder, "rev-parse", "--quiet", "--verify", "HEAD"):
        return "git add and commit it"
    staged = _run_git(folder, "add", "--all")
    if not staged or not _run_git(folder, "commit", "--quiet", "--message", "Begin with evobuild"):
        return (
            "git has staged it but has no author yet: git config --global user.name NAME; "
            "git config --global user.email ADDRESS; git commit -m Begin"
        )
    return "git has its first commit"


def merge_texts(ours: bytes, base: bytes, theirs: bytes, names: tuple[str, str, str]) -> tuple[bytes, bool]:
    """Merge two changes of a text; return the result and whether they conflict.

        Conflicting changes are both kept, between markers.

    Args:
        names: of ours, base and theirs, for the markers.

    Raises UserError if git cannot merge them, for example binary files.
    """
    labels = [word for name in names for word in ("-L", name)]
    with tempfile.TemporaryDirectory(prefix="evobuild-merge-") as folder:
        paths = [Path(folder, name) for name in ("ours", "base", "theirs")]
        for path, content in zip(paths, (ours, base, theirs), strict=True):
            path.write_bytes(content)
        done = subprocess.run(
            ["git", "merge-file", "--stdout", *labels, *map(str, paths)],
            capture_output=True, timeout=SECONDS, check=False,
        )  # fmt: skip
    if done.returncode > 127:
        raise UserError(f"git merge-file: {done.stderr.decode(errors='replace').strip()[:200]}")
    return done.stdout, done.returncode > 0


def _run_git(folder: Path, *words: str) -> bool:
    """Run git; return whether it succeeded."""
    done = subprocess.run(
        ["git", "-C", str(folder), *words], capture_output=True, timeout=SECONDS, check=False
    )
    return done.returncode == 0
