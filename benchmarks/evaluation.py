"""What evaluation costs, and how sure its figures are, against what is promised.

    EVOBUILD_REAL_DATA=<folder> python benchmarks/evaluation.py [PART...]

All parts unless some are named, half an hour on two cores, a third of it for `statistics`. Prints each figure
as it comes and, last, one JSON object: figure -> {"value", "must", "holds"}; a figure that could not be taken
has no entry and is named. The folder holds ifeval/published_verdicts.jsonl.gz, gsm8k/test.jsonl,
oracles/gsm8k and math/math500_full.jsonl. What is compared runs in turn; the official checker of IFEval is
the copy in lm-eval, whose extra has to be installed.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import evaluation_statistics
import training_data
from figures import Figures, of_parts
from line import ROOT, seconds

from evobuild.core.chat import Choice, Reply
from evobuild.core.json_files import read_json_lines
from evobuild.evaluation.benchmark import Answer, Tools
from evobuild.evaluation.benchmarks import benchmark_class

PARTS = ("ifeval", "gsm8k", "math", "statistics", "overhead", "line")
REPLIES, SOLUTIONS = 2700, 4000
CHUNK = 100
"""Replies that one side checks before it is the other's turn."""
TURNS = 3
"""Times that each side of a comparison runs."""

Row = dict[str, Any]


def not_run(figure: str, reason: str) -> None:
    """Name a figure that cannot be taken here."""
    print(f"{figure}: NOT RUN, {reason}", flush=True)


def real(figure: str, *parts: str) -> Path | None:
    """Return a file of the real data; log and return None if it is missing."""
    folder = os.environ.get("EVOBUILD_REAL_DATA")
    path = Path(folder or "", *parts)
    if folder and path.exists():
        return path
    not_run(figure, f"no {'/'.join(parts)} in EVOBUILD_REAL_DATA")
    return None


def made(name: str, items: Path) -> Any:
    """A benchmark with its defaults."""
    kind = benchmark_class(name)
    return kind(name, kind.settings_type.model_validate({"items": str(items)}), 42)


def answer(item: Any, text: str) -> Answer:
    """An item with a reply, as it is scored; nothing was asked."""
    return Answer(item, (), (Reply(item.id, (Choice(text, "stop", 1),), 1),))


def ifeval(figures: Figures, folder: Path) -> None:
    """Published replies, ours and the official checker in turn."""
    path = real("IFEval", "ifeval", "published_verdicts.jsonl.gz")
    if not path:
        return
    # Where the model of sentences is; read when nltk is imported.
    os.environ.setdefault("NLTK_DATA", str(path.parents[1] / "nltk_data"))
    with gzip.open(path, "rt") as lines:
        rows = [json.loads(line) for line in lines][:REPLIES]
    sides: dict[str, Callable[[Row], object]] = {"ours": our_checks()}
    if importlib.util.find_spec("lm_eval"):
        sides["official"] = official_checks()
    took = dict.fromkeys(sides, 0.0)
    for check in sides.values():
        check(rows[0])  # Loads what it loads once.
    for first in range(0, len(rows), CHUNK):
        for name, check in sides.items():
            began = time.perf_counter()
            for row in rows[first : first + CHUNK]:
                check(row)
            took[name] += time.perf_counter() - began
    figures.at_most(f"IFEval, checks of {len(rows):,} published replies", took["ours"], 60, "s")
    figure = "IFEval, seconds of the official code over ours"
    if "official" in took:
        figures.at_least(figure, took["official"] / took["ours"], 1, "x")
    else:
        not_run(figure, "lm-eval is not installed")


def our_checks() -> Callable[[Row], object]:
    """Read the instructions of a row, and check its reply."""
    from evobuild.evaluation.benchmarks.ifeval import check_reply
    from evobuild.evaluation.benchmarks.ifeval.instructions import read_instructions

    return lambda row: check_reply(read_instructions(row, "row"), row["response"])


def official_checks() -> Callable[[Row], object]:
    """The same by lm-eval's copy of the official code."""
    import langdetect
    from lm_eval.tasks.ifeval import utils

    langdetect.DetectorFactory.seed = 0

    def check(row: Row) -> object:
        keys = ("key", "instruction_id_list", "prompt", "kwargs")
        given = utils.InputExample(*(row[key] for key in keys))
        random.seed(row["key"])
        strict = utils.test_instruction_following_strict(given, row["response"])
        random.seed(row["key"])
        return strict, utils.test_instruction_following_loose(given, row["response"])

    return check


def gsm8k(figures: Figures, folder: Path) -> None:
    """Published solutions, all three readings of each."""
    test, solutions = real("GSM8K", "gsm8k", "test.jsonl"), real("GSM8K", "oracles", "gsm8k")
    if not (test and solutions):
        return
    benchmark = made("gsm8k", test)
    items = benchmark.read_items()
    answers = []
    for path in sorted(solutions.glob("*.jsonl.gz")):
        rows: Iterator[Any] = (row for _, row in read_json_lines(path))
        answers += [
            benchmark_answer(benchmark, item, row.get("solution") or row["response"])
            for item, row in zip(items, rows, strict=True)
        ]
    answers = (answers * 2)[:SOLUTIONS]
    began = time.perf_counter()
    right = sum(row.score for row in benchmark.score_items(answers, Tools(42)))
    took = time.perf_counter() - began
    print(f"{right:,.0f} of {len(answers):,} solutions are right")
    figures.at_most(f"GSM8K, scoring of {len(answers):,} solutions", took, 2, "s")


def benchmark_answer(benchmark: Any, item: Any, text: str) -> Answer:
    """An item with what is asked of it, and a reply."""
    return answer(item, text)._replace(asks=tuple(benchmark.next_requests(item, ())))


def math(figures: Figures, folder: Path) -> None:
    """All references of MATH-500 against themselves, and against changed ones, processes and all."""
    path = real("MATH-500", "math", "math500_full.jsonl")
    if not path:
        return
    benchmark = made("math", path)
    items = benchmark.read_items()
    same, changed = (
        [benchmark_answer(benchmark, item, rf"\boxed{{{item.content['answer']}{change}}}") for item in items]
        for change in ("", "+1")
    )
    began = time.perf_counter()
    scores = [row.score for row in benchmark.score_items([*same, *changed], Tools(42))]
    took = time.perf_counter() - began
    figures.at_least("MATH-500, references that equal themselves", sum(scores[: len(items)]), 500, "items")
    figures.at_most("MATH-500, changed ones that equal them", sum(scores[len(items) :]), 0, "items")
    figures.at_most("MATH-500, both", took, 10, "s")


def simulations(figures: Figures, folder: Path) -> None:
    """False alarms of comparisons, and coverage of intervals."""
    evaluation_statistics.statistics(figures)


def overhead(figures: Figures, folder: Path) -> None:
    """The stage's work on 1,000 items over its engine alone on the same requests, whole processes."""
    rows = training_data.read_answered_rows(2000)
    training_data.random_base(folder, training_data.SMALL, rows)
    records = [{"question": row.instruction, "answer": "#### 1"} for row in rows[:1000]]
    (folder / "items.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    took: dict[str, list[tuple[float, float]]] = {"stage": [], "engine": []}
    for turn in range(TURNS):
        for side, found in took.items():
            found.append(run_of(folder, side, turn))
        print(" against ".join("{:.1f} s ({:.1f} of processors)".format(*runs[-1]) for runs in took.values()))
    wall, processors = (
        statistics.median(run[which] for run in took["stage"])
        / statistics.median(run[which] for run in took["engine"])
        for which in (0, 1)
    )
    figures.at_most("seconds of the stage over its engine alone, 1,000 items", wall, 1.05, "x")
    # What else the machine does is in the first and not in this one.
    figures.at_most("the same in seconds of processors", processors, 1.05, "x")


def run_of(folder: Path, side: str, turn: int) -> tuple[float, float]:
    """Seconds of one side, and those of processors, in a process of its own with an empty reply cache."""
    out = folder / f"{side}-{turn}"
    out.mkdir()
    environment = os.environ | {"PYTHONPATH": str(ROOT), "EVOBUILD_STORE": str(out / "replies.sqlite")}
    command = [sys.executable, f"{ROOT}/benchmarks/evaluation_runs.py", side, str(folder), str(out)]
    began, before = time.perf_counter(), processor_seconds()
    with (out / "log").open("w") as log:
        subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=log, stderr=log, timeout=1800)
    return time.perf_counter() - began, processor_seconds() - before


def processor_seconds() -> float:
    """Of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def line(figures: Figures, folder: Path) -> None:
    """The default line, whole, in a clone with empty caches."""
    clone = folder / "evobuild"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    took = seconds([sys.executable, "-m", "evobuild", "repro"], clone, PYTHONPATH=str(clone))
    figures.at_most("default line, whole", took, 150, "s")


def take(figures: Figures, part: str) -> None:
    """Take the figures of one part."""
    takers = {
        "ifeval": ifeval,
        "gsm8k": gsm8k,
        "math": math,
        "statistics": simulations,
        "overhead": overhead,
        "line": line,
    }
    with tempfile.TemporaryDirectory(prefix="evobuild-bench-") as folder:
        takers[part](figures, Path(folder))


if __name__ == "__main__":
    of_parts(__doc__, PARTS, take)
