"""The stages behind select, and respond and rate, where a line has 10,000,000 rows in all.

    EVOBUILD_BENCH_ROWS=10000000 python benchmarks/scale.py tables

The line of `made_line`; other files as tests have them. Each stage is a process of its own. respond and rate
ask the simulated model, whose time is not of interest, so they take a million rows at most and half of them,
which is enough for respond to spill rows to disk: what ten millions take follows from the growth. Last,
`serve` is asked for rows by their ids.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import yaml
from figures import Figures
from line import measured
from made_line import POOLS, line_params, method, write_line, write_rounds

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/support"))
import carded
import evaluated
import reported
from trees import tables_in

from evobuild.core import tables
from evobuild.core.json_files import write_json
from evobuild.core.rejects import REJECTS
from evobuild.core.table_parts import part_files
from evobuild.reporting.report import Sources

ROOT = Path(__file__).parents[1]
ROWS = int(os.environ.get("EVOBUILD_BENCH_ROWS", "10000000"))
ASKED = min(ROWS, 1_000_000)
LIMIT = 4.0
"""GB."""
STAGES = ("gather", "export", "summarize", "report")


def run(figures: Figures) -> None:
    """Write the line, run the stages, and ask for rows."""
    asking(figures)
    with folder() as root:
        rows = write_line(root, ROWS)
        write_others(root)
        for stage in STAGES:
            take_stage(figures, root, stage, rows)
            if stage in ("gather", "export"):
                remove(root / "data/training.parquet", root / "data/export", root / "data/lineage.parquet")
        ids_opened(figures, root)


@contextmanager
def folder(rows_per_file: int = 1_000_000) -> Iterator[Path]:
    """A project without tables. rows_per_file: those of more are to be folders."""
    params = line_params() | {"tables": {"rows_per_file": rows_per_file}}
    with tempfile.TemporaryDirectory(prefix="evobuild-scale-") as name:
        root = Path(name)
        (root / "prompts").symlink_to(ROOT / "prompts")
        (root / "dvc.yaml").touch()
        (root / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
        yield root


def take_stage(figures: Figures, root: Path, stage: str, rows: int) -> None:
    """Run a stage on all of the line."""
    seconds, peak = stage_of(root, stage)
    print(f"{stage}: {rows / seconds:,.0f} rows/s", flush=True)
    figures.at_most(f"{stage} on {rows:,} rows, peak memory", peak, LIMIT, "GB")


def stage_of(root: Path, stage: str, *given: str) -> tuple[float, float]:
    """Seconds and peak GB of a stage."""
    command = [sys.executable, "-m", f"stages.{stage}", *given]
    return measured(command, root, PYTHONPATH=str(ROOT), DVC_ROOT=str(root))


def asking(figures: Figures) -> None:
    """Run respond and rate on r1 at two sizes, each with a store of its own."""
    peaks: dict[str, list[float]] = {"respond": [], "rate": []}
    for rows in (ASKED // 2, ASKED):
        # Tables of both sizes are folders, as they are at ten millions.
        with folder(ASKED // 20) as root, store(root):
            write_rounds(root, rows * len(POOLS))
            for stage, found in peaks.items():
                seconds, peak = stage_of(root, stage, "--pool", "r1")
                print(f"{stage} on {rows:,} rows: {rows / seconds:,.0f} rows/s, {peak:.2f} GB", flush=True)
                found.append(peak)
    for stage, (small, large) in peaks.items():
        growth = (large - small) / (ASKED - ASKED // 2)
        figures.at_most(f"{stage}, growth of peak memory", growth * 1e5 * 1024, 32, "MB per 100,000 rows")
        figures.at_most(
            f"{stage} on {10**7:,} rows by that, peak memory", large + growth * (10**7 - ASKED), LIMIT, "GB"
        )


@contextmanager
def store(root: Path) -> Iterator[None]:
    """A reply cache of its own."""
    os.environ["EVOBUILD_STORE"] = str(root / "store.sqlite")
    try:
        yield
    finally:
        del os.environ["EVOBUILD_STORE"]


def write_others(root: Path) -> None:
    """Write what else the stages read, as small as it is in any line."""
    places = {name: root / "data" / name for name in ("settings", "optimization", "validation", "downstream")}
    metrics = {name: root / f"metrics/{name}.csv" for name in ("keywords", "token_probability")}
    results = evaluated.Sources(
        root / "data/evaluation", root / "metrics/evaluation.csv", root / "metrics/differences.csv",
        root / "data/comparisons.parquet", root / "metrics/evaluation.json",
    )  # fmt: skip
    sources = Sources(
        rows=tables_in(root / "unread"), counts=root / "data/counts", curves=root / "metrics/training",
        failure_counts=root / "metrics/failures.csv", label=root / "data/label.txt", evaluated=results,
        **places, **metrics,
    )  # fmt: skip
    for name in (
        "metrics",
        "data/preferences",
        "data/settings",
        "data/downstream/counts",
        "data/downstream/rejects",
    ):
        (root / name).mkdir(parents=True)
    reported.write_optimization(sources, str)
    reported.write_figures(sources, str)
    reported.write_contracts(sources, str)
    evaluated.write(results, sources.downstream / "counts", sources.downstream / "rejects")
    nothing = {"in": 0, "out": 0, "rejects": {}}
    for stem in ("gather", "finetune-toy"):
        write_json(sources.downstream / f"counts/{stem}.json", nothing)
        tables.write(sources.downstream / f"rejects/{stem}.parquet", REJECTS.to_frame())
    write_json(root / "metrics/optimization.json", {"failure_rate": {"best": 0.25}})
    write_json(root / "data/settings/provenance.json", carded.provenance()._asdict())
    (root / "data/settings/report.json").write_text("{}")
    (root / "data/method.txt").write_text(method(), encoding="utf-8")
    sources.label.write_text("DRY RUN\n")


def ids_opened(figures: Figures, root: Path) -> None:
    """Start `serve`, and ask for ids as its search does; the slowest counts."""
    command = [sys.executable, "-m", "evobuild", "serve"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DVC_ROOT": str(root)}
    process = subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None, "it is a pipe"
        url = process.stdout.readline().split()[0]
        answer(f"{url}status.json")
        took = []
        for name, key in list_searches(root).items():
            seconds, status = answer(f"{url}row/{key}")
            print(f"{name}, {key}: {seconds:.2f} s, {status}", flush=True)
            took.append(seconds)
        figures.at_most("any id opened by search", max(took), 1, "s")
        if Path(f"/proc/{process.pid}").exists():
            peak = Path(f"/proc/{process.pid}/status").read_text().partition("VmHWM:")[2].split()[0]
            figures.at_most("serve, peak memory", int(peak) / 1024**2, LIMIT, "GB")
    finally:
        process.terminate()
        process.wait()


def list_searches(root: Path) -> dict[str, str]:
    """Ids to search for, each with what it is."""
    found = {}
    for place, file in (("first", 0), ("last", -1)):
        for pool in POOLS:
            table = part_files(root / f"data/rounds/{pool}.parquet")[file]
            found[f"a row of {pool}, {place} part"] = pl.read_parquet(table, columns=["id"])["id"][file]
    lost = part_files(root / "data/rejects/respond-r1.parquet")[0]
    found["a rejected row"] = pl.read_parquet(lost, columns=["id"])["id"][0]
    found["the beginning of an id"] = found["a row of r1, last part"][:12]
    return found | {"an unknown id": "7fabcdefabcdefabcdef", "a beginning of many": "00000"}


def answer(url: str) -> tuple[float, int]:
    """Seconds until all of a page is there, and its status."""
    began = time.monotonic()
    try:
        with urllib.request.urlopen(url, timeout=120) as response:
            response.read()
            status = response.status
    except urllib.error.HTTPError as error:
        error.read()
        status = error.code
    return time.monotonic() - began, status


def remove(*paths: Path) -> None:
    """Remove what a stage made and no other reads."""
    for path in paths:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
