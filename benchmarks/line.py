"""How long the pipeline takes and how much memory, against what is promised.

    python benchmarks/line.py [--kills 20]

Needs for the Alpaca figures EVOBUILD_REAL_DATA, a folder that holds
alpaca/alpaca_data.json. Prints each figure as it comes and, last, one JSON object:
figure -> {"value", "must", "holds"}; a figure that could not be taken has no entry and is named.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from figures import Figures

ROOT = Path(__file__).parent.parent
GIGABYTE = 1024**2
"""In kB, as the kernel counts a process's peak memory."""


def seconds(command: list[str], cwd: Path = ROOT, **environment: str) -> float:
    """Run a command to its end and time it."""
    began = time.monotonic()
    subprocess.run(
        command, cwd=cwd, env=os.environ | environment, check=True, stdout=subprocess.DEVNULL, timeout=1800
    )
    return time.monotonic() - began


BETWEEN = """
import json, os, sys, time
began = time.monotonic()
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
print(json.dumps([os.waitstatus_to_exitcode(status), time.monotonic() - began, usage.ru_maxrss]))
"""
"""Runs a command as the child of a small process: the kernel counts to a child what its parent once had."""


def measured(command: list[str], cwd: Path, **environment: str) -> tuple[float, float]:
    """Seconds and peak GiB of a command, whose output is not shown."""
    ran = subprocess.run(
        [sys.executable, "-c", BETWEEN, *command],
        cwd=cwd,
        env=os.environ | environment,
        check=True,
        stdout=subprocess.PIPE,
    )
    code, took, peak = json.loads(ran.stdout.splitlines()[-1])
    if code:
        sys.exit(f"{' '.join(command)} failed with {code}")
    return took, peak / GIGABYTE


def best_of(count: int, run: Callable[[], float]) -> float:
    """The least of a few runs: what else the machine does only adds."""
    return min(run() for _ in range(count))


def help_of_each_stage(figures: Figures) -> None:
    """The slowest `--help`."""
    scripts = sorted((ROOT / "stages").glob("*.py"))
    slowest = max(
        best_of(3, lambda s=script: seconds([sys.executable, str(s), "--help"])) for script in scripts
    )
    figures.at_most("slowest python stages/x.py --help", slowest, 0.5, "s")


def stage(name: str, **given: Path | str) -> list[str]:
    """A stage's command line, with the names and paths that it is given."""
    options = [part for key, value in given.items() for part in (f"--{key.replace('_', '-')}", str(value))]
    return [sys.executable, "-m", f"stages.{name}", *options]


def evolve(folder: Path, parents: Path) -> list[str]:
    return stage(
        "evolve",
        round="r1",
        parent="r0",
        parents=parents,
        method=folder / "method.txt",
        child=folder / "r1.parquet",
        rejects=folder / "rejects.parquet",
        failures=folder / "failures.parquet",
        replies=folder / "replies.parquet",
        counts=folder / "counts.json",
    )


def alpaca(figures: Figures, folder: Path, source: Path) -> None:
    """The stages seed and evolve@r1 on all of Alpaca, then evolve on up to 1,000,000 rows made of it."""
    from evobuild.evolution import methods

    os.environ["EVOBUILD_STORE"] = str(folder / "store.sqlite")
    (folder / "method.txt").write_text(methods.render_initial_method("e0"))
    params = (ROOT / "params.yaml").read_text().replace("held_out: 0.1 ", "held_out: 0.0001 ")
    (folder / "params.yaml").write_text(params)
    seed = stage(
        "seed",
        source=source,
        r0=folder / "r0.parquet",
        held_out=folder / "held.parquet",
        failures=folder / "no-failures.parquet",
        replies=folder / "no-replies.parquet",
        preferences=folder / "no-preferences.parquet",
        rejects=folder / "rejects.parquet",
        counts=folder / "counts.json",
        params=folder / "params.yaml",
    )
    figures.at_most("seed on Alpaca", measured(seed, ROOT)[0], 5, "s")
    took, peak = measured(evolve(folder, folder / "r0.parquet"), ROOT)
    figures.at_most("evolve@r1 on Alpaca, cold store", took, 12, "s")
    figures.at_most("evolve@r1 on Alpaca, peak memory", peak, 1.5, "GB")
    figures.at_most(
        "evolve@r1 on Alpaca, warm store", measured(evolve(folder, folder / "r0.parquet"), ROOT)[0], 6, "s"
    )
    million(figures, folder)


def million(figures: Figures, folder: Path) -> None:
    """Time per row at 250,000 and at 1,000,000 rows, each with a store of its own."""
    import polars as pl

    rows = pl.read_parquet(folder / "r0.parquet")
    per_row = {}
    for count in (250_000, 1_000_000):
        many = pl.concat([rows] * (count // rows.height + 1)).head(count).with_row_index("n")
        # Every copy is an instruction of its own: the store must not answer for another.
        number = pl.col("n").cast(pl.String)
        many = many.with_columns(
            instruction=pl.col("instruction") + " (variant " + number + ")", id=number.str.zfill(20)
        ).drop("n")
        many.write_parquet(folder / "many.parquet")
        del many
        os.environ["EVOBUILD_STORE"] = str(folder / f"store-{count}.sqlite")
        took, peak = measured(evolve(folder, folder / "many.parquet"), ROOT)
        print(f"evolve on {count} rows: {took:.1f} s, {peak:.2f} GB", flush=True)
        per_row[count] = took / count
    figures.at_most(
        "time per row, 1,000,000 over 250,000 rows", per_row[1_000_000] / per_row[250_000], 1.3, "x"
    )
    figures.at_most("evolve on 1,000,000 rows, peak memory", peak, 3, "GB")


def kills(figures: Figures, count: int) -> None:
    """Many seeded kills of DVC, of the stage and of both during a repro; tables must not differ."""
    sys.path[:0] = [str(ROOT / "tests/support"), str(ROOT / "tests/line")]
    import test_kill
    import workspace

    with tempfile.TemporaryDirectory() as folder:
        source = test_kill.many_rows(Path(folder) / "seeds.jsonl")
        calm, root = (test_kill.prepared(Path(folder) / name, source) for name in ("calm", "killed"))
        workspace.run(calm, "dvc", "repro", test_kill.TARGET)
        draw = random.Random(11)
        for number in range(count):
            with test_kill.repro(root) as process:
                time.sleep(draw.uniform(0.2, 4))
                test_kill.kill(root, process, ("dvc", "stage", "both")[number % 3])
                process.wait(timeout=120)
        workspace.run(root, "dvc", "repro", test_kill.TARGET)
        differ = sum((root / name).read_bytes() != (calm / name).read_bytes() for name in test_kill.TABLES)
        figures.at_most(f"tables that differ after {count} kills", differ, 0, "tables")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=20, help="kills of a running repro; default 20")
    arguments = parser.parse_args()
    figures = Figures()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.chdir(ROOT)
    help_of_each_stage(figures)
    folder = Path(tempfile.mkdtemp(prefix="evobuild-bench-"))
    try:
        data = os.environ.get("EVOBUILD_REAL_DATA")
        if data:
            alpaca(figures, folder, Path(data) / "alpaca" / "alpaca_data.json")
        else:
            print("not taken: the Alpaca figures; EVOBUILD_REAL_DATA is not set")
    finally:
        shutil.rmtree(folder)
    kills(figures, arguments.kills)
    figures.print()


if __name__ == "__main__":
    main()
