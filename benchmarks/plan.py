"""What `evobuild plan` expects against what then happens, on four lines: calls, tokens and seconds.

    EVOBUILD_REAL_DATA=FOLDER python benchmarks/plan.py [default | data-only | autoif | evol-instruct]

FOLDER holds alpaca/alpaca_data.json. Each line is a new project with a reply cache of its own, where nothing
was measured before: the plan rests on its assumptions. Seconds are those of processors, with one thread a
process, so that other work on the machine hardly counts; those of the wall clock are printed beside them.
Prints each figure as it comes and, last, one JSON object: figure -> {"value", "must", "holds"}.
"""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from figures import Figures, of_parts

ROWS = {"data-only": 300, "evol-instruct": 200}
"""Rows of Alpaca, from its beginning; other lines take the shipped sample."""
ROLES = ("evolver", "optimizer", "responder", "judge")
DATA_ALONE = ("models.scorer=null", "models.embedder=null", "~bases", "+bases={}", "~evaluate.models")
CHANGES = [
    *(f"models.{role}=simulated:small" for role in ROLES),
    *DATA_ALONE,
    "+evaluate.models={}",
    "compare.pairs=[]",
]
LINES = {
    "default": (),
    "data-only": ("--preset", "data-only"),
    "autoif": ("--preset", "data-only", "-S", "+branches.autoif={}", "-S", "+pools.autoif={}"),
    "evol-instruct": ("--preset", "evol-instruct", *(part for each in CHANGES for part in ("-S", each))),
}
TOTAL = """
import dataclasses, json
from evobuild.cli.plan import plan
found = plan.plan_stages()
calls = [each.calls for each in found.stages if each.stage.partition("@")[0] in ("evolve", "respond")]
print(json.dumps(dataclasses.asdict(plan.sum_estimates(found)) | {"previewed": sum(calls)}))
"""
PREVIEW_ROWS = 20


def run(command: list[str], cwd: Path) -> str:
    """Run a command to its end; what it prints."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=1800,
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed: {done.stderr[-2000:]}")
    return done.stdout


def apart(one: float, other: float) -> float:
    """How many times one of two figures is the other."""
    return max(one / other, other / one)


def processor_seconds() -> float:
    """Of all child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def take(figures: Figures, name: str) -> None:
    """Plan a line, run it, and compare."""
    with tempfile.TemporaryDirectory(prefix="evobuild-bench-") as temporary:
        folder = Path(temporary)
        options = [*LINES[name]]
        if name in ROWS:
            rows = json.loads(Path(os.environ["EVOBUILD_REAL_DATA"], "alpaca/alpaca_data.json").read_text())
            text = "".join(f"{json.dumps(row)}\n" for row in rows[: ROWS[name]])
            (folder / "rows.jsonl").write_text(text)
            options += ["--seed", "rows.jsonl"]
        evobuild, root = [sys.executable, "-m", "evobuild"], folder / "line"
        run([*evobuild, "init", "line", *options], folder)
        expected = json.loads(run([sys.executable, "-c", TOTAL], root))
        began, used = time.monotonic(), processor_seconds()
        run([*evobuild, "repro"], root)
        wall, seconds = time.monotonic() - began, processor_seconds() - used
        runs = [json.loads(line) for line in (root / ".evobuild/runs.jsonl").read_text().splitlines()]
        tokens = sum(each["prompt_tokens"] + each["completion_tokens"] for each in runs)
        made = {"calls": sum(each["calls"] for each in runs), "tokens": tokens, "seconds": seconds}
        for unit, taken in made.items():
            wanted = expected[unit]
            print(f"{name}: {wanted:,.0f} {unit} expected, {taken:,.0f} taken", flush=True)
            figures.at_most(f"{name}: {unit}, the larger over the smaller", apart(wanted, taken), 2, "x")
            most = expected["most"][unit]
            if unit != "seconds":
                figures.at_most(f"{name}: {unit} taken over the bound", taken / most, 1, "x")
        print(f"{name}: {wall:,.0f} s of wall clock", flush=True)
        preview(figures, name, root, expected["previewed"])


def preview(figures: Figures, name: str, root: Path, planned: float) -> None:
    """Compare the calls that `preview` expects of all rows with those of the plan's rounds and answers."""
    said = run([sys.executable, "-m", "evobuild", "preview", "-n", str(PREVIEW_ROWS)], root)
    found = re.search(r"about ([\d,]+) calls", said)
    assert found, said[-500:]
    calls = float(found[1].replace(",", ""))
    figures.at_most(
        f"{name}: calls by preview and by plan, the larger over the smaller", apart(calls, planned), 2, "x"
    )


if __name__ == "__main__":
    of_parts(__doc__, tuple(LINES), take)
