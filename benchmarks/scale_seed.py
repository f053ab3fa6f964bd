"""The stage `seed` on a file of 10,000,000 rows: seconds and memory.

    EVOBUILD_BENCH_ROWS=10000000 python benchmarks/scale.py seed

JSON Lines, with the settings that ship: near-duplicates are grouped, a tenth is held out. Some 30 GB of disk
in TMPDIR.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

import scale_rows
from figures import Figures
from line import measured, stage

ROWS = int(os.environ.get("EVOBUILD_BENCH_ROWS", "10000000"))
OUTS = ("r0", "held_out", "failures", "replies", "preferences", "rejects")


def run(figures: Figures) -> None:
    """Write the file, and read it."""
    folder = Path(tempfile.mkdtemp(prefix="evobuild-scale-"))
    try:
        write_source(folder / "rows.jsonl")
        seconds, peak = seed(folder)
        counts = (folder / "counts.json").read_text(encoding="utf-8")
    finally:
        shutil.rmtree(folder)
    print(counts, f"{ROWS:,} rows: {seconds:,.0f} s, {ROWS / seconds:,.0f} rows/s", flush=True)
    figures.at_most(f"seed of {ROWS:,} rows, peak memory", peak, 4, "GB")


def write_source(path: Path) -> None:
    """Write the rows as records of Alpaca."""
    with path.open("w", encoding="utf-8") as file:
        for row in scale_rows.many_rows(ROWS):
            record = {"instruction": row.instruction, "input": row.input, "output": row.output}
            file.write(json.dumps(record) + "\n")


def seed(folder: Path) -> tuple[float, float]:
    """Seconds and peak memory in GB of the stage `seed`, with the settings that ship."""
    outs = {name: folder / f"{name}.parquet" for name in OUTS}
    command = stage("seed", source=folder / "rows.jsonl", **outs, counts=folder / "counts.json")
    return measured(command, scale_rows.ROOT)
