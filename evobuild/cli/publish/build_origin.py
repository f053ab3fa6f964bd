"""Find the git commit and the DVC content that are published."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

from evobuild.core.params import RendersPrompts, load_params
from evobuild.core.prompts import FOLDER
from evobuild.core.yaml_files import read_yaml

LOCK = Path("dvc.lock")
DEFINING = (str(LOCK), "dvc.yaml", "evobuild.lock", "params.yaml")
"""Files whose last commit is that of the build: `dvc pull` at it gets the same files."""
COMMITTED = (
    *DEFINING,
    "stages",
    "expectations",
    "evobuild",
    "requirements.lock",
)
"""Paths that must be committed so that others can build the same."""
SECONDS = 60


class Origin(NamedTuple):
    """What is published. path: of the out. md5: of the out in dvc.lock. commit: '' if uncommitted."""

    path: str
    md5: str
    commit: str


def read_origin(path: str) -> Origin:
    """Find an out in dvc.lock (md5 '' if it is missing), and the commit of its build."""
    stages = (read_yaml(LOCK).get("stages") or {}) if LOCK.exists() else {}
    outs = (out for stage in stages.values() for out in stage.get("outs", ()))
    md5 = next((out["md5"] for out in outs if out["path"] == path), "")
    return Origin(path, md5, run_git("log", "-1", "--format=%H", "--", *DEFINING).strip())


def list_uncommitted() -> list[str]:
    """List the paths of COMMITTED and of the folder of prompts that differ from the last commit."""
    params = Path("params.yaml")
    prompts = load_params(params, RendersPrompts).prompts if params.exists() else str(FOLDER)
    lines = run_git("status", "--porcelain", "--", *COMMITTED, prompts).splitlines()
    return [line[3:] for line in lines]


def run_git(*words: str) -> str:
    """Run git and return its output; '' if it fails, for example outside a repository."""
    done = subprocess.run(
        ["git", *words], capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False
    )
    return done.stdout if done.returncode == 0 else ""
