"""What was really called and paid, run by run: a line of JSON each, added to and never written over.

It is in `.evobuild/usage.jsonl` of the repository, to which $DVC_ROOT leads under --temp and --queue, too.
It is in no out: a stage that runs again from the reply cache makes the same bytes and adds a run that cost
nothing. A run that is carried on after an interruption has one line more, with all that it took so far; the
last one counts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from evobuild.core import machine
from evobuild.core.private_files import private_file

Record = dict[str, Any]
"""run, task, role, model, state, seconds, cost, and counts by purpose, as `Usage.taken` gives them."""


def usage_file() -> Path:
    """Locate the journal of this repository."""
    return machine.repository_root() / ".evobuild" / "usage.jsonl"


def append(record: Mapping[str, Any]) -> None:
    """Add a run, in one write, so that stages that run side by side keep each other's lines whole."""
    line = f"{json.dumps(record)}\n".encode()
    descriptor = os.open(private_file(usage_file()), os.O_WRONLY | os.O_APPEND)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)


def read_runs(unfinished: Path) -> list[Record]:
    """Read every run, the earliest first.

    unfinished: folder of the files of progress, which know runs that were killed or go on now.
    """
    found: dict[str, Record] = {}
    file = usage_file()
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    files = sorted(unfinished.glob("*.json"))
    for text in (*lines, *(path.read_text(encoding="utf-8") for path in files)):
        # A line that a full disk cut short is no run.
        with suppress(json.JSONDecodeError, KeyError):
            record = json.loads(text)
            if record["seconds"] >= found.get(record["run"], record)["seconds"]:
                found[record["run"]] = record
    return list(found.values())


def last_runs(runs: Iterable[Record]) -> list[Record]:
    """Read the last run of each role of each task."""
    return list({(run["task"], run["role"]): run for run in runs}.values())
