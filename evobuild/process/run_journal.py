"""What each run of a stage made and took: a line of JSON a run, in `.evobuild/runs.jsonl` of the repository.

It is in no out, for times, calls and costs differ from run to run. Instance of a line:

    {"stage": "evolve@r1", "started": "2026-03-01T12:00:00+00:00", "seconds": 14.2, "commit": "1a2b3c4d5e",
     "version": "0.7.0", "rows_in": 133, "rows_out": 120, "lost": {"unchanged": 8, "answered": 5},
     "off": false, "calls": 266, "stored": 0, "failed": 0, "prompt_tokens": 51000, "completion_tokens": 9000,
     "cost": 0.12, "table": "data/rounds/r1.parquet", "peak_memory": 310000000}

`read_runs` gives the last run of each stage. A file that grows past `MOST_BYTES` is cut to the newest runs
and the last of each stage.
"""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NamedTuple

from evobuild.core.json_files import read_json_file
from evobuild.core.machine import repository_root
from evobuild.core.private_files import private_file
from evobuild.process.terminal import duration

MOST_BYTES = 2**20
"""Of the journal; some 2,500 runs."""
REASONS_SHOWN = 3
MADE_BY_RUNS = (":!dvc.lock", ":!metrics", ":!dvclive")
"""What git keeps and a run itself changes."""


class StageRun(NamedTuple):
    """A run of a stage, as the module's docstring shows one.

    stage: as DVC calls it. started: UTC, ISO 8601. seconds: of the whole run. commit: 10 hex digits of HEAD,
    with " and changes" where tracked files differ from it; "" without git. rows_in, rows_out: None where no
    rows are counted. lost: rows by reason. off: the stage is switched off. calls: sent to models, also by
    interrupted runs that this one carried on. stored: replies from the reply cache. cost: by the price table;
    None where calls went to a server whose model has no price. table: the path of the stage's first out.
    peak_memory: bytes, of the stage's own process.
    """

    stage: str
    started: str = ""
    seconds: float = 0.0
    commit: str = ""
    version: str = ""
    rows_in: int | None = None
    rows_out: int | None = None
    lost: Mapping[str, int] = {}
    off: bool = False
    calls: int = 0
    stored: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = 0.0
    table: str = ""
    peak_memory: int = 0


Calls = dict[str, Any]
"""model, cost and counts by purpose of one role of a stage, as its model's usage has them."""
_noted: ContextVar[list[Calls] | None] = ContextVar("noted", default=None)


@contextmanager
def calls_noted() -> Iterator[list[Calls]]:
    """Give what the chat models that are closed inside have taken."""
    calls: list[Calls] = []
    token = _noted.set(calls)
    try:
        yield calls
    finally:
        _noted.reset(token)


def note_calls(calls: Calls) -> None:
    """Take down what one role of the running stage has taken."""
    if (noted := _noted.get()) is not None:
        noted.append(calls)


def journal_file() -> Path:
    """Locate the journal of this repository, to which $DVC_ROOT leads under --temp and --queue, too."""
    return repository_root() / ".evobuild" / "runs.jsonl"


def with_rows(run: StageRun, counts: Path | None) -> StageRun:
    """Add what a stage's file of counts says of its rows; of all pools together where it has each.

    Raises BadInput if the file is no JSON.
    """
    content = read_json_file(counts) if counts else {}
    ledgers = [each for each in (content, *content.values()) if isinstance(each, dict) and "in" in each]
    ledgers = ledgers[:1] if "in" in content else ledgers
    if not ledgers:
        return run
    lost: dict[str, int] = {}
    for ledger in ledgers:
        for reason, count in ledger["rejects"].items():
            lost[reason] = lost.get(reason, 0) + count
    return run._replace(
        rows_in=sum(ledger["in"] for ledger in ledgers),
        rows_out=sum(ledger["out"] for ledger in ledgers),
        lost=dict(sorted(lost.items(), key=lambda each: (-each[1], each[0]))),
        off=all(ledger.get("off", False) for ledger in ledgers),
    )


def with_calls(run: StageRun, calls: Iterable[Calls]) -> StageRun:
    """Add what a stage's chat models have taken."""
    taken = list(calls)
    purposes = [purpose for each in taken for purpose in each["purposes"].values()]
    counts = {
        "calls": "calls",
        "stored": "cached",
        "failed": "failed",
        "prompt_tokens": "prompt_tokens",
        "completion_tokens": "completion_tokens",
    }
    sums = {own: sum(purpose[name] for purpose in purposes) for own, name in counts.items()}
    costs = [_cost(each) for each in taken]
    known = [cost for cost in costs if cost is not None]
    return run._replace(cost=sum(known) if len(known) == len(costs) else None, **sums)


def _cost(calls: Calls) -> float | None:
    """Format the cost of calls; without a price, a server's cost is unknown and local calls are free."""
    if calls["cost"] is not None or not calls["model"].startswith("openai:"):
        return float(calls["cost"] or 0)
    return None if any(purpose["calls"] for purpose in calls["purposes"].values()) else 0.0


def commit() -> str:
    """Read the commit of the stage's folder, and whether tracked files differ; "" without git."""
    try:
        head = _git("rev-parse", "--short=10", "HEAD")
        return head + (
            " and changes" if _git("diff-index", "--name-only", "HEAD", "--", ".", *MADE_BY_RUNS) else ""
        )
    except (OSError, subprocess.SubprocessError):
        return ""


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()


def append(run: StageRun) -> None:
    """Add a run, while no other stage does; stages that run side by side keep each other's lines whole."""
    file = private_file(journal_file())
    with locked():
        with file.open("ab") as handle:
            handle.write(f"{json.dumps(run._asdict())}\n".encode())
        if file.stat().st_size > MOST_BYTES:
            _shorten(file)


@contextmanager
def locked() -> Iterator[None]:
    """Keep other stages off the journal."""
    with private_file(journal_file().with_suffix(".lock")).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _shorten(file: Path) -> None:
    runs = list(_runs(file))
    newest = runs[-len(runs) // 4 :]
    kept = [run for run in _last(runs) if run not in newest] + newest
    partial = private_file(file.with_suffix(f".{os.getpid()}.partial"))
    partial.write_text("".join(f"{json.dumps(run._asdict())}\n" for run in kept), encoding="utf-8")
    partial.replace(file)


def read_runs(path: Path | None = None) -> list[StageRun]:
    """Read the last run of each stage, the earliest first; a line that is cut short is ignored."""
    return _last(_runs(path or journal_file()))


def _last(runs: Iterable[StageRun]) -> list[StageRun]:
    found: dict[str, StageRun] = {}
    for run in runs:
        found.pop(run.stage, None)
        found[run.stage] = run
    return list(found.values())


def _runs(path: Path) -> Iterator[StageRun]:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    for line in lines:
        # A line that a full disk cut short is no run.
        with suppress(ValueError, TypeError):
            yield StageRun(**json.loads(line))


def closing_line(run: StageRun) -> str:
    """Format a stage's last line: rows, rejects, seconds, calls, cost, and where its table is."""
    parts = [_rows_text(run), _effort_text(run), run.table]
    return f"{run.stage}: " + "; ".join(part for part in parts if part)


def interruption_line(calls: Iterable[Calls]) -> str:
    """Format an interrupted stage's last line: what is saved, and the command that continues."""
    kept = sum(each["put"] for each in calls)
    replies = f"{kept:,} replies of this run are kept" if kept != 1 else "1 reply of this run is kept"
    # DVC tells a stage whom it is run for.
    command = "evobuild repro" if "DVC_STAGE" in os.environ else shlex.join(["python", *sys.argv])
    return f"interrupted; {replies if kept else 'no reply came in this run'}; to go on: {command}"


def _rows_text(run: StageRun) -> str:
    if run.off:
        return "switched off"
    if run.rows_in is None:
        return ""
    text = f"{run.rows_in:,} rows in, {run.rows_out:,} out"
    if not run.lost:
        return text
    shown = [f"{count:,} {reason}" for reason, count in list(run.lost.items())[:REASONS_SHOWN]]
    shown += ["…"] if len(run.lost) > REASONS_SHOWN else []
    return f"{text}, {sum(run.lost.values()):,} lost ({', '.join(shown)})"


def _effort_text(run: StageRun) -> str:
    parts = [duration(run.seconds)]
    if run.calls or run.stored:
        failed = f", {run.failed:,} failed" if run.failed else ""
        parts.append(f"{run.calls:,} call{'s' * (run.calls != 1)} ({run.stored:,} stored{failed})")
    if run.cost is None:
        parts.append("cost unknown: machine.yaml has no price")
    elif run.cost:
        parts.append(f"cost {run.cost:,.4g}")
    return ", ".join(parts)
