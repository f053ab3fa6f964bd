"""How long a run that finds nothing to do takes with 20 rounds, of which 5 are pools, and then all.

    python benchmarks/scale.py dag

The whole line on few rows in a fresh clone, so it needs the repository committed; then no-ops.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml
from figures import Figures
from line import best_of, seconds

ROOT = Path(__file__).parent.parent
ROUNDS = 20
POOLS = 5
ROWS = 60
LIMIT = 4
"""Seconds."""


def run(figures: Figures) -> None:
    """Build the line with few pools and with all, and ask whether anything has changed."""
    folder = Path(tempfile.mkdtemp(prefix="evobuild-scale-"))
    try:
        root = folder / "evobuild"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(root)], check=True, timeout=60)
        every = [f"r{number}" for number in range(ROUNDS + 1)]
        for name, pools in (
            (f"{POOLS} pools", every[:: ROUNDS // (POOLS - 1)]),
            (f"{len(every)} pools", every),
        ):
            figures.at_most(f"no-op dvc repro, {ROUNDS} rounds, {name}", no_op(root, pools), LIMIT, "s")
    finally:
        shutil.rmtree(folder)


def no_op(root: Path, pools: list[str]) -> float:
    """Seconds of the quickest of five runs that find nothing to do."""
    path = root / "params.yaml"
    path.write_text(yaml.safe_dump(line(yaml.safe_load(path.read_text(encoding="utf-8")), pools)))
    given = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(root)}
    took = seconds([sys.executable, "-m", "evobuild", "repro"], root, **given)
    stages = subprocess.run(
        ["dvc", "stage", "list", "--name-only"],
        cwd=root,
        env=os.environ | given,
        check=True,
        capture_output=True,
        timeout=120,
    )
    print(f"{len(pools)} pools: {len(stages.stdout.split())} stages, built in {took:,.0f} s", flush=True)
    return best_of(5, lambda: seconds(["dvc", "repro"], root, **given))


def line(params: dict[str, Any], pools: list[str]) -> dict[str, Any]:
    """Params of a line whose rounds follow each other, none of its few rows lost on the way."""
    rounds = {f"r{number}": {"parent": f"r{number - 1}"} for number in range(1, ROUNDS + 1)}
    params["seed"]["rows"] = ROWS
    params["optimize"]["steps"] = 1
    params["evolve"]["on_failure"] = "keep_parent"
    return params | {"rounds": rounds, "pools": {pool: {} for pool in pools}}
