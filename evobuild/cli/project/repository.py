"""What git does for a project: its repository, its first commit, and the merge of two changes to a file."""

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
    """Put a new project under git, and commit it if git knows by whom; say what was done."""
    if _run_git(folder, "rev-parse", "--is-inside-work-tree") and not (folder / ".git").exists():
        return "it lies in a repository: git add it there"
    if not (folder / ".git").exists() and not _run_git(folder, "init", "--quiet"):
        return "git init failed there: it needs a repository before dvc runs"
    if _run_git(folder, "rev-parse", "--quiet", "--verify", "HEAD"):
        return "git add and commit it"
    staged = _run_git(folder, "add", "--all")
    if not staged or not _run_git(folder, "commit", "--quiet", "--message", "Begin with evobuild"):
        return (
            "git has it staged, and knows no author yet: git config --global user.name NAME; "
            "git config --global user.email ADDRESS; git commit -m Begin"
        )
    return "git has its first commit"


def merge_texts(ours: bytes, base: bytes, theirs: bytes, names: tuple[str, str, str]) -> tuple[bytes, bool]:
    """Merge what two sides made of a text; give it, and whether they conflict.

    Where they do, both stand in it, between markers. names: of ours, base and theirs, in the markers.

    Raises UserError if git cannot merge them, as files that are no text.
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
    """Whether a command of git went well."""
    done = subprocess.run(
        ["git", "-C", str(folder), *words], capture_output=True, timeout=SECONDS, check=False
    )
    return done.returncode == 0
