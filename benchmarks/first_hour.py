"""What a newcomer waits for, and learns: a fresh clone, a project from the wheel, a run that finds nothing to
do, a page, and what the default run's training does to the loss of held-out rows.

    python benchmarks/first_hour.py [clone | project | tests | training]

Needs the repository committed, and for the page's height Chromium (`tests/browser/install.sh`). Prints each
figure as it comes and, last, one JSON object: figure -> {"value", "must", "holds"}.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from figures import Figures, of_parts

from evobuild.reporting.training import find_held_out_losses, read_curve

ROOT = Path(__file__).parent.parent
SCREEN = 1080
"""Pixels of height."""
RANDOM_SEEDS = (42, 1, 2, 3, 4)
LEAST_FALL = 0.01
"""Of the held-out loss, so that the last digits of sums do not count as one."""


def run(command: list[str], cwd: Path, **environment: str) -> float:
    """Run a command to its end; seconds."""
    began = time.monotonic()
    subprocess.run(
        command, cwd=cwd, env=os.environ | environment, check=True, stdout=subprocess.DEVNULL, timeout=1800
    )
    return time.monotonic() - began


def best_of(count: int, measure: Callable[[], float]) -> float:
    """The least of a few runs: what else the machine does only adds."""
    return min(measure() for _ in range(count))


def clone(figures: Figures, folder: Path) -> None:
    """From `git clone` to a finished `make repro`, install included; then the no-op and the page."""
    root, began = folder / "evobuild", time.monotonic()
    run(["git", "clone", "--quiet", str(ROOT), str(root)], folder)
    run(["make", ".venv/ready"], root)
    installed = time.monotonic()
    run(["make", "repro"], root)
    figures.at_most("fresh clone to finished make repro", (time.monotonic() - began) / 60, 3, "min")
    figures.at_most("of which repro", time.monotonic() - installed, 150, "s")
    path = f"{root}/.venv/bin:{os.environ['PATH']}"
    no_op = best_of(5, lambda: run(["dvc", "repro"], root, PATH=path))
    figures.at_most("no-op dvc repro", no_op, 1.5, "s")
    figures.at_most("report before its folds", height(root / "data/report.html") / SCREEN, 2.5, "screens")


def height(report: Path) -> float:
    """Pixels that a report takes in a window of 1920 by 1080."""
    sys.path[:0] = [str(ROOT / "tests/support"), str(ROOT / "tests/browser")]
    from chromium import Page

    with Page() as page:
        page.call(
            "Emulation.setDeviceMetricsOverride", width=1920, height=SCREEN, deviceScaleFactor=1, mobile=False
        )
        page.open(report.as_uri())
        return float(page.run("document.documentElement.scrollHeight"))


def project(figures: Figures, folder: Path) -> None:
    """From the wheel, its dependencies there, to the first report in an empty folder."""
    environment = folder / "environment"
    run([sys.executable, "-m", "venv", str(environment)], folder)
    pip = [str(environment / "bin/python"), "-m", "pip", "install", "--quiet"]
    run([*pip, "-r", str(ROOT / "requirements.lock")], folder)
    run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(folder), str(ROOT)], folder)
    [wheel] = folder.glob("evobuild-*.whl")
    began = time.monotonic()
    run([*pip, str(wheel)], folder)
    run([str(environment / "bin/evobuild"), "init", "my-data"], folder)
    path = f"{environment}/bin:/usr/bin:/bin"
    run([str(environment / "bin/dvc"), "repro"], folder / "my-data", PATH=path)
    figures.at_most("wheel to first report", (time.monotonic() - began) / 60, 3, "min")
    no_op = best_of(5, lambda: run([str(environment / "bin/dvc"), "repro"], folder / "my-data", PATH=path))
    figures.at_most("no-op dvc repro in a project", no_op, 1.5, "s")


def tests(figures: Figures, folder: Path) -> None:
    """`make test` in this repository, whose environment is there."""
    figures.at_most("make test after set-up", run(["make", "test"], ROOT) / 60, 20, "min")


def training(figures: Figures, folder: Path) -> None:
    """The fall of the toy's held-out loss in the default run, in nats per answer token, for five seeds.

    A dry run: rows and answers are simulated, so this says that training works, and nothing about the data.
    The embedder, which takes half of the time, is off: by default no row is selected by what it measures.
    """
    root = folder / "evobuild"
    run(["git", "clone", "--quiet", str(ROOT), str(root)], folder)
    params = (root / "params.yaml").read_text(encoding="utf-8")
    for seed in RANDOM_SEEDS:
        changed = params
        for key, value in (("random_seed", seed), ("  embedder", "null")):
            changed, count = re.subn(rf"^{key}: \S+", f"{key}: {value}", changed, flags=re.MULTILINE)
            assert count == 1, f"params.yaml has {key} once"
        (root / "params.yaml").write_text(changed, encoding="utf-8")
        run(["dvc", "repro", "finetune@toy"], root, PYTHONPATH=str(root))
        losses = find_held_out_losses(read_curve(root / "metrics/training/toy.csv"))
        assert losses, "the default run has held-out rows"
        before, after = losses
        print(f"DRY RUN: random seed {seed}, held-out loss {before:.4f} before training, {after:.4f} after")
        name = f"DRY RUN: fall of the held-out loss, random seed {seed}"
        figures.at_least(name, before - after, LEAST_FALL, "nats per answer token")


PARTS = {"clone": clone, "project": project, "tests": tests, "training": training}


def take(figures: Figures, part: str) -> None:
    with tempfile.TemporaryDirectory(prefix="evobuild-bench-") as folder:
        PARTS[part](figures, Path(folder))


if __name__ == "__main__":
    of_parts(__doc__, tuple(PARTS), take)
