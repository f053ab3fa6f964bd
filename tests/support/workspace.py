"""A copy of the project as a user's clone, small enough to build in a test, and commands run in it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import patience
import polars as pl
import yaml

ROOT = Path(__file__).parents[2]
SHIPPED_PARAMS = ROOT / "params.yaml"
"""The params that the project comes with."""
TRACKED = (
    "stages",
    "evobuild",
    "prompts",
    "expectations",
    "data/raw/sample.jsonl",
    "dvc.yaml",
    "evobuild.lock",
    ".dvcignore",
)
TRACKED += ("data/raw/constraints.txt", ".gitignore", ".dvc/config", ".dvc/.gitignore")
TRACKED += (
    "metrics/training/.gitkeep",
    "data/evaluation/.gitkeep",
    "dvclive/plots/metrics/.gitkeep",
    ".dvc/plots",
    "data/raw/benchmarks",
)
SECONDS = 240
"""For one command, by the clock of `patience`."""

SMALL: dict[str, Any] = {
    "seed": {"rows": 24},
    "models": {"embedder": None},  # its library takes longer to import than all else takes
    "scratch": {"steps": 2, "vocabulary": 400, "batch": 2},
    "optimize": {"steps": 2, "batch": 4},
    "rounds": {"r1": {"parent": "r0"}, "r2": {"parent": "r1"}},
    "keywords": {"rows": 3},
    "branches": {"autoif": {}},
    "pools": {"r0": {}, "r1": {}, "autoif": {}},
    "autoif": {
        "augment": {"rounds": 1, "count": 4},
        "verifiers": {"count": 2},
        "crosscheck": {"constraints": 4},
        "compose": {"count": 2},
        "sample": {"count": 2},
    },
    "select": {"pools": "all", "share": 0.5},
    "finetune": {"epochs": 1, "max_length": 256},
    "report": {"examples": 2},
}


def environment() -> dict[str, str]:
    """What a user's shell would have, with this Python first on the path and nothing of ours."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("DVC_", "EVOBUILD_", "PYTEST_"))
    }
    return kept | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "DVC_NO_ANALYTICS": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_AUTHOR_NAME": "t",
        "GIT_AUTHOR_EMAIL": "t@example.org",
        "GIT_COMMITTER_NAME": "t",
        "GIT_COMMITTER_EMAIL": "t@example.org",
    }


def make(root: Path, changes: Mapping[str, Any] = SMALL) -> Path:
    """Lay a clone out in an empty folder, its params changed by section, and commit it."""
    lay_out(root)
    change_params(root, changes)
    commit(root)
    return root


def lay_out(root: Path) -> None:
    """Copy what git tracks of a build."""
    for name in TRACKED:
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, target)
    shutil.copy(SHIPPED_PARAMS, root / "params.yaml")


def change_params(root: Path, changes: Mapping[str, Any]) -> None:
    """Change params by section; rounds, pools, branches and bases are given whole."""
    params = yaml.safe_load((root / "params.yaml").read_text())
    for section, values in changes.items():
        whole = section in ("rounds", "pools", "branches", "bases", "measures") or not isinstance(
            values, dict
        )
        params[section] = values if whole else _changed(params[section], values)
    (root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


def add_branch(root: Path) -> None:
    """Have the branch made, and its pool answered and rated."""
    pools = params(root)["pools"] | {"autoif": {}}
    change_params(root, {"branches": {"autoif": {}}, "pools": pools})


def params(root: Path) -> dict[str, Any]:
    """The params of a clone."""
    found: dict[str, Any] = yaml.safe_load((root / "params.yaml").read_text())
    return found


def commit(root: Path) -> None:
    """Make a repository of it."""
    run(root, "git", "init", "-q", "-b", "main")
    run(root, "git", "add", "-A")
    run(root, "git", "commit", "-q", "-m", "Begin")


def _changed(section: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """A section with some values changed; those of its own sections are changed in these."""
    return section | {
        key: _changed(section[key], value) if isinstance(value, dict) and section.get(key) else value
        for key, value in values.items()
    }


def run(root: Path, *command: str, expect: int = 0) -> str:
    """Run a command in a clone; give what it printed. Fails if its exit code is another one."""
    done = patience.run(command, SECONDS, cwd=root, env=environment())
    assert done.returncode == expect, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def stored(root: Path) -> int:
    """Replies in a clone's reply cache."""
    file = root / ".evobuild" / "replies.sqlite"
    if not file.exists():
        return 0
    with sqlite3.connect(file) as connection:
        tables = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'replies'").fetchone()[0]
        count: int = connection.execute("SELECT count(*) FROM replies").fetchone()[0] if tables else 0
    connection.close()
    return count


def ids(table: Path) -> set[str]:
    """The ids of a table."""
    return set(pl.read_parquet(table, columns=["id"])["id"])


def hashes(root: Path) -> dict[str, str]:
    """Every out's hash as dvc.lock has it."""
    lock = yaml.safe_load((root / "dvc.lock").read_text())
    outs = [out for stage in lock["stages"].values() for out in stage["outs"]]
    return {out["path"]: out["md5"] for out in outs}
