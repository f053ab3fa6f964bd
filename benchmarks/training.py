"""What fine-tuning costs, against what is promised.

    python benchmarks/training.py [PART...]

All parts unless some are named, some fifteen minutes on two cores. Prints each figure as it comes and,
last, one JSON object: figure -> {"value", "must", "holds"}. Rows are Alpaca's where EVOBUILD_REAL_DATA is a
folder that holds alpaca/alpaca_data.json, else made ones of like length. What is compared runs in turn,
each in a process of its own.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import training_data
import training_resume
from figures import Figures, of_parts
from line import ROOT, measured, seconds, stage
from training_data import default_settings, random_base, read_answered_rows, write_task

PARTS = ("stage", "speed", "tokens", "padding", "resume")
TURNS = 3
"""Times that each side of a comparison runs."""
OURS, TRL = "training_runs.py", "training_trl.py"


def whole_stage(figures: Figures, folder: Path) -> None:
    """The stage `finetune` of the default line, whole process; the line is built if it is not."""
    root = ROOT
    if not ((root / "data/training.parquet").exists() and (root / "models/scratch").exists()):
        root = folder / "evobuild"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(root)], check=True)
        seconds(["dvc", "repro", "gather", "scratch"], root, PYTHONPATH=str(root))
    read = {"training": root / "data/training.parquet", "held_out": root / "data/held_out.parquet"}
    os.environ["DVC_ROOT"] = str(folder)

    def run(number: int) -> float:
        out = folder / f"out{number}"
        out.mkdir()
        names = {"rejects": "rejects.parquet", "counts": "counts.json", "curve": "curve.csv"}
        files = {name: out / file for name, file in names.items()}
        given = stage("finetune", base="toy", tuned=out / "tuned", **read, **files)
        return measured(given, root)[0]

    took = [run(number) for number in range(TURNS)]
    figures.at_most("stage finetune of the default line, whole process", min(took), 12, "s")


def speed(figures: Figures, folder: Path) -> None:
    """Tokens a second against TRL alone, from rows to saved weights, on 64 rows.

    TRL reads as many rows a pass as is fastest, tried on others; of one row a pass none is padding.
    """
    rows = read_answered_rows(2000)
    random_base(folder, training_data.SMOL, rows)
    trial = write_task(folder, rows[64:80], default_settings())
    alone = {size: rate([timed(trial, TRL, str(size))]) for size in (1, 4, 16)}
    print(
        "TRL alone, by rows a pass:",
        {size: f"{found:,.1f} tokens/s" for size, found in alone.items()},
        flush=True,
    )
    fastest = max(alone, key=alone.__getitem__)
    task = write_task(folder, rows[:64], default_settings())
    ours, bare = run_in_turn(lambda: timed(task, OURS), lambda: timed(task, TRL, str(fastest)))
    figures.at_least(
        f"tokens/s, ours over TRL alone, {fastest} rows a pass", rate(ours) / rate(bare), 0.97, "x"
    )


def count_computed_tokens(figures: Figures, folder: Path) -> None:
    """Tokens that the model reads in one epoch over those of its rows, default settings."""
    rows = read_answered_rows(2000)
    random_base(folder, training_data.LEAST, rows)
    found = timed(write_task(folder, rows, default_settings()), OURS)
    print(f"{len(rows):,} rows of {found['tokens'] / len(rows):,.0f} tokens, {found['steps']} steps")
    figures.at_most("tokens computed over tokens of rows", found["computed"] / found["tokens"], 1.02, "x")


def padding(figures: Figures, folder: Path) -> None:
    """Seconds of TRL alone with 16 padded rows a pass over ours, the same steps, hidden 256."""
    rows = read_answered_rows(2000)
    random_base(folder, training_data.SMALL, rows)
    task = write_task(folder, rows[:512], default_settings(batch=64))
    ours, padded = run_in_turn(lambda: timed(task, OURS), lambda: timed(task, TRL, "16"))
    assert {each["steps"] for each in ours} == {each["steps"] for each in padded}
    took = [statistics.median(each["seconds"] for each in runs) for runs in (padded, ours)]
    figures.at_least("seconds of padded batches of 16 over ours", took[0] / took[1], 2, "x")


Run = dict[str, float]


def timed(task: Path, script: str, *options: str) -> Run:
    """Run a training in a process of its own, and give what it prints."""
    with tempfile.TemporaryDirectory(prefix="evobuild-bench-") as out:
        command = [sys.executable, f"{ROOT}/benchmarks/{script}", str(task), f"{out}/tuned", *options]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        ran = subprocess.run(
            command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True, timeout=1800
        )
    found: Run = json.loads(ran.stdout.splitlines()[-1])
    return found


def run_in_turn(one: Callable[[], Run], other: Callable[[], Run]) -> tuple[list[Run], list[Run]]:
    """Run both in turn, so that what else the machine does strikes both."""
    found: tuple[list[Run], list[Run]] = ([], [])
    for _ in range(TURNS):
        for runs, run in zip(found, (one, other), strict=True):
            runs.append(run())
        print(" against ".join(f"{runs[-1]['seconds']:.1f} s" for runs in found), flush=True)
    return found


def rate(runs: list[Run]) -> float:
    """Tokens a second, the median."""
    return statistics.median(each["tokens"] / each["seconds"] for each in runs)


def take(figures: Figures, part: str) -> None:
    """Take the figures of one part."""
    takers = {
        "stage": whole_stage,
        "speed": speed,
        "tokens": count_computed_tokens,
        "padding": padding,
        "resume": training_resume.run,
    }
    with tempfile.TemporaryDirectory(prefix="evobuild-bench-") as folder:
        takers[part](figures, Path(folder))


if __name__ == "__main__":
    of_parts(__doc__, PARTS, take)
