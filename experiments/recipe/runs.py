"""DVC as a recipe uses it: every command is shown as it could be typed, and none goes through a shell."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from evobuild.core.errors import UserError
from evobuild.process.command_line import QUIET
from evobuild.process.terminal import log

HOURS = 6
"""How long one simulated experiment may take."""
READ = ("dvc.yaml", "params.yaml", "stages", "evobuild", "prompts", "data/raw")
"""What the result of an experiment depends on, in git."""


def commit() -> str:
    """Give the commit of the workspace.

    Raises UserError outside a repository, or if something that an experiment depends on is not
    committed: an experiment is known by its commit.
    """
    if not Path("dvc.yaml").exists():
        raise UserError("dvc.yaml: no such file; run a recipe in the folder that holds it")
    changed = _read_asked("git", "status", "--porcelain", "--", *READ)
    if changed:
        first = changed.splitlines()[0][3:]
        raise UserError(f"{first} is not committed; commit first: an experiment is known by its commit")
    return _read_asked("git", "rev-parse", "HEAD").strip()


def finished() -> set[str]:
    """Names of the experiments of this commit that have run."""
    return set(_read_asked("dvc", "exp", "list", "--name-only").split())


def waiting() -> set[str]:
    """Names of the experiments that are queued or running."""
    return read_queue_status(_read_asked("dvc", "queue", "status"))


def read_queue_status(status: str) -> set[str]:
    """Names of the experiments that are queued or running, of what `dvc queue status` prints."""
    lines = [line.split() for line in status.splitlines()]
    return {words[1] for words in lines if len(words) > 2 and words[-1] in ("Queued", "Running")}


def now(name: str, overrides: Sequence[str], targets: Sequence[str]) -> None:
    """Run an experiment in a copy of the repository, and wait. Raises UserError if it fails."""
    _experiment("--temp", name, overrides, targets)


def queue(name: str, overrides: Sequence[str], targets: Sequence[str]) -> None:
    """Put an experiment into DVC's queue. Raises UserError if DVC does not take it."""
    _experiment("--queue", name, overrides, targets)


def _show(command: Sequence[str]) -> None:
    log(f"$ {shlex.join(command)}")


def _experiment(how: str, name: str, overrides: Sequence[str], targets: Sequence[str]) -> None:
    """Have DVC take an experiment; it says itself how that goes."""
    command = ("dvc", "exp", "run", how, "-n", name, *overrides, *targets)
    _show(command)
    try:
        done = subprocess.run(
            command, env=_environment(), stdout=sys.stderr, timeout=HOURS * 3600, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(f"experiment {name} was stopped after {HOURS} hours") from error
    if done.returncode:
        raise UserError(f"experiment {name} failed, for the reason above")


def _read_asked(*command: str) -> str:
    """Run a command for what it prints."""
    done = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split())
        raise UserError(f"{' '.join(command[:4])} … failed: {said[-300:]}")
    return done.stdout


def _environment() -> dict[str, str]:
    """The environment with this Python's own programs first on the path, for `dvc` and for its stages."""
    own = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    return {**QUIET, **os.environ, **own}
