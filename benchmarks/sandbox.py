"""Whether the sandbox holds, and what it costs.

    EVOBUILD_REAL_DATA=<folder> python benchmarks/sandbox.py

Attacks: the corpus of tests/support/attacks, three times by this user and, if that is root, three times as
`nobody`, in each isolation of this machine. Speed: functions of 24 cases, each in its own cold sandbox,
on two cores. Known solutions: all of HumanEval and of MBPP, if there is real data.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

from figures import Figures

from evobuild import sandbox
from evobuild.cli.pass_at_k import read_problems
from evobuild.evaluation.code_benchmarks import examine_programs

ROOT = Path(__file__).parent.parent
RUNS = 3
FUNCTIONS = 400
HANGING = 1000
LIMITS = sandbox.Limits(seconds=10.0, memory=256, output=2**20, modules=None, allow_weaker_isolation=False)
SHORT = LIMITS.model_copy(update={"seconds": 0.1})
VERIFIER = """
import re

def evaluate(response):
    words = re.findall(r"[A-Za-z]+", response)
    return len(words) > {} and response.endswith(".") and all(word.islower() for word in words[1:])
"""
CASES = tuple((f"The answer number {n} is a sentence of some words" + "." * (n % 2),) for n in range(24))


def run(figures: Figures) -> None:
    """Take the figures of the sandbox."""
    _hold(figures)
    for isolation in sandbox.usable_isolations():
        _speed(figures, isolation)
    _hang(figures, sandbox.usable_isolations()[0])
    if folder := os.environ.get("EVOBUILD_REAL_DATA"):
        _solve(figures, Path(folder))


def _hold(figures: Figures) -> None:
    sys.path.insert(0, str(ROOT / "tests/support"))
    from attacks import nobody

    command = [sys.executable, str(ROOT / "tests/support/attacks/hold.py")]
    users = {"this user": command} | ({"nobody": nobody.command(command)} if os.geteuid() == 0 else {})
    for user, words in users.items():
        failures = 0
        for _ in range(RUNS):
            done = subprocess.run(words, capture_output=True, check=True, start_new_session=True, cwd="/tmp")
            found = json.loads(done.stdout)
            print(f"{user}: {json.dumps(found)}", flush=True)
            failures += len(found["failures"])
        kinds = found["attacks"] + found["forgeries"]
        figures.at_most(f"sandbox: what did not hold in {RUNS} runs, {user}", failures, 0, "programs")
        figures.at_least(f"sandbox: attacks, {user}", kinds, 60, "programs")
        figures.at_least(f"sandbox: benign programs, {user}", found["benign"], 40, "programs")


def _speed(figures: Figures, isolation: sandbox.Isolation) -> None:
    jobs = [sandbox.Job(str(n), VERIFIER.format(n % 9), "evaluate", CASES) for n in range(FUNCTIONS)]
    began = time.perf_counter()
    outcomes = list(sandbox.run_jobs(jobs, LIMITS, isolation, at_once=2))
    seconds = time.perf_counter() - began
    wrong = sum(answer.error is not None for outcome in outcomes for answer in outcome.answers)
    figures.at_most(f"sandbox: cases without a verdict, {isolation.name}", wrong, 0, "cases")
    figures.at_least(f"sandbox: functions judged, {isolation.name}", FUNCTIONS / seconds, 60, "functions/s")


def _hang(figures: Figures, isolation: sandbox.Isolation) -> None:
    jobs = [sandbox.Job(str(n), "def f():\n    while True: pass", "f", ((),) * 24) for n in range(HANGING)]
    began, before = time.perf_counter(), _resident()
    for outcome in sandbox.run_jobs(jobs, SHORT, isolation, at_once=2):
        assert outcome.error == "time"
    each = (time.perf_counter() - began) * 2 / HANGING
    figures.at_most("sandbox: memory that 1,000 hanging functions add", _resident() - before, 8, "MiB")
    figures.at_most(
        "sandbox: seconds a hanging function costs above its limit", each - SHORT.seconds, 0.1, "s"
    )


def _resident() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _solve(figures: Figures, folder: Path) -> None:
    for name in ("humaneval/HumanEval.jsonl.gz", "mbpp/sanitized-mbpp.json", "mbpp/mbpp.jsonl"):
        problems = read_problems(folder / name)
        exams = [
            each.make_exam(str(place), each.prompt + each.canonical)
            for place, each in enumerate(problems.values())
        ]
        began = time.perf_counter()
        passed = sum(verdict.passed for verdict in examine_programs(exams, LIMITS))
        print(f"{name}: {time.perf_counter() - began:.1f} s", flush=True)
        figures.at_least(f"sandbox: known solutions that pass, {name}", passed, len(problems), "problems")


if __name__ == "__main__":
    taken = Figures()
    run(taken)
    taken.print()
