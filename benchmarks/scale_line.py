"""A whole line from seed to export, run once by DVC, where its pools have 10,000,000 rows in all.

    EVOBUILD_BENCH_ROWS=10000000 python benchmarks/scale.py pipeline

A little more than half of the rows are seed rows. The others are their children, which the simulated model
writes and answers. Rows are selected at random: nothing is rated or scored. Each stage is one
`dvc repro --single-item`; its time includes the hashing by DVC. Needs some 40 GB in TMPDIR.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import polars as pl
import scale_rows
import yaml
from figures import Figures
from line import measured

from evobuild.core.yaml_files import read_yaml

ROWS = int(os.environ.get("EVOBUILD_BENCH_ROWS", "10000000"))
SEED_SHARE = 0.53
"""Of all rows: a tenth of the children is rejected."""
LIMIT = 4.0
"""GB that a stage may take."""
LAST = "export"


def run(figures: Figures) -> None:
    """Build the line in a clone of this checkout, stage by stage."""
    with tempfile.TemporaryDirectory(prefix="evobuild-scale-") as name:
        project = Path(name, "project")
        subprocess.run(
            ["git", "clone", "--quiet", str(scale_rows.ROOT), str(project)], check=True, timeout=600
        )
        write_seed(project.parent / "seed.jsonl", int(ROWS * SEED_SHARE))
        write_params(project, project.parent / "seed.jsonl")
        subprocess.run(["dvc", "config", "cache.type", "hardlink"], cwd=project, check=True, timeout=60)
        peaks = {}
        for stage in stages_until(project, LAST):
            command = [sys.executable, "-m", "dvc", "repro", "--single-item", stage]
            seconds, peaks[stage] = measured(command, project, DVC_NO_ANALYTICS="1")
            print(f"{stage}: {seconds:,.0f} s, {peaks[stage]:.2f} GB", flush=True)
        rows = {pool: height(project / f"data/rounds/{pool}.parquet") for pool in ("r0", "r1")}
        chosen = height(project / "data/dataset.parquet")
        print(f"rows {rows}, of which {chosen:,} are selected and exported", flush=True)
    figures.at_least("rows of a whole line, seed to export", sum(rows.values()), ROWS, "rows")
    figures.at_most("largest peak memory of its stages", max(peaks.values()), LIMIT, "GB")


def write_seed(path: Path, count: int) -> None:
    """Write seed rows as JSON Lines."""
    with path.open("w", encoding="utf-8") as file:
        for row in scale_rows.many_rows(count):
            record = {"instruction": row.instruction, "input": row.input, "output": row.output}
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


def write_params(project: Path, source: Path) -> None:
    """One round by the initial method, and all that loads weights or rates switched off."""
    params = read_yaml(project / "params.yaml")
    preset = read_yaml(project / "presets/data-only.yaml")["set"]
    own = {
        "seed.source": str(source),
        "seed.held_out": 0.001,
        "rounds": {"r1": {"parent": "r0"}},
        "pools": {"r0": {}, "r1": {}},
        "branches": {},
        "evolve.method": "e0",
        "keywords.rows": 0,
        "rate.measures": [],
        "decontaminate.ngrams": [13],
        "select.pools": ["r0", "r1"],
        "select.by": "random",
        "select.deduplicate.near": None,
    }
    for key, value in (preset | own).items():
        *path, last = key.split(".")
        section = params
        for part in path:
            section = section[part]
        section[last] = value
    (project / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")


def stages_until(project: Path, last: str) -> list[str]:
    """The names of all stages that `last` depends on, and its own, in the order in which they run."""
    said = subprocess.run(
        ["dvc", "repro", "--dry", "--force", last],
        cwd=project, check=True, stdout=subprocess.PIPE, text=True, timeout=600,
    ).stdout  # fmt: skip
    return [line.split("'")[1] for line in said.splitlines() if line.startswith("Running stage")]


def height(path: Path) -> int:
    """Rows of a table."""
    return pl.scan_parquet(path / "*.parquet" if path.is_dir() else path).select(pl.len()).collect().item()
