"""A round of evolution of 1,000,000 and of 10,000,000 rows: seconds a row, memory, bytes on disk.

    EVOBUILD_BENCH_ROWS=10000000 python benchmarks/scale.py evolve

The stage as it is run, by the simulated engine, with a reply cache of its own: all that is not a model.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import scale_rows
from figures import Figures
from line import measured, stage

from evobuild.core import tables
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.evolution import methods

ROWS = int(os.environ.get("EVOBUILD_BENCH_ROWS", "10000000"))


def run(figures: Figures) -> None:
    """Evolve a tenth of the rows, and all of them."""
    each = {}
    for count in (ROWS // 10, ROWS):
        folder = Path(tempfile.mkdtemp(prefix="evobuild-scale-"))
        try:
            each[count], peak = evolve(folder, count)
        finally:
            shutil.rmtree(folder)
    few, many = each.values()
    figures.at_most(f"evolve, time a row of {ROWS:,} over {ROWS // 10:,} rows", many / few, 1.3, "x")
    figures.at_most(f"evolve of {ROWS:,} rows, peak memory", peak, 4, "GB")


def evolve(folder: Path, count: int) -> tuple[float, float]:
    """Seconds a row, and peak memory in GB, of the stage `evolve`."""
    scale_rows.write_rows(folder / "r0.parquet", count)
    (folder / "method.txt").write_text(methods.render_initial_method("e0"), encoding="utf-8")
    os.environ["EVOBUILD_STORE"] = str(folder / "store.sqlite")
    names = ("child", "rejects", "failures", "replies")
    outs = {name: folder / f"{name}.parquet" for name in names}
    given = {"parents": folder / "r0.parquet", "method": folder / "method.txt"}
    command = stage("evolve", round="r1", parent="r0", **given, **outs, counts=folder / "counts.json")
    seconds, peak = measured(command, scale_rows.ROOT)
    children = tables.height(outs["child"], INSTRUCTIONS)
    sizes = {path.name: size(path) / 1e9 for path in (*outs.values(), folder / "store.sqlite")}
    said = ", ".join(f"{name} {gigabytes:.2f} GB" for name, gigabytes in sizes.items())
    print(
        f"{count:,} rows: {seconds:,.0f} s, {count / seconds:,.0f} rows/s, {peak:.2f} GB; "
        f"{children:,} children; {said}",
        flush=True,
    )
    return seconds / count, peak


def size(path: Path) -> int:
    """Bytes of a file, or of all files of a folder."""
    return sum(file.stat().st_size for file in ([path] if path.is_file() else path.rglob("*")))
