"""What hostile servers can do to a stage.

    python benchmarks/firm_servers.py

Each behaviour of tests/support/hostile.py meets every fourth one of 500 rows of the stage `respond`, in a
process of its own at the default concurrency, with good replies between. What has no end meets every
sixteenth: 64 rows in a row that are never answered end a stage (`firm_outages.py`). With `unanswered: reject`
every row has to be out or a reject; every eighth behaviour is run with `unanswered: fail`, too, where a stage
may leave nothing behind. Some minutes. Prints each figure as it comes.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import yaml
from figures import Figures, of_parts

ROOT = Path(__file__).parent.parent
SUPPORT = ROOT / "tests/support"
ROWS = 500
TIMEOUT = 5.0
"""Seconds of a call; what drips or never ends takes all of it, and large answers some on a busy machine."""

AT_ONCE = 4
"""Behaviours that are tried side by side: each waits most of the time."""

STAGE = """
import os, resource, sys
from pathlib import Path
from evobuild.models import rate_limit
rate_limit.FIRST_WAIT = float(os.environ["FIRST_WAIT"])
from evobuild.core import stage
from stages import respond
try:
    stage.run_stage(respond.main)
finally:
    Path("peak").write_text(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))
"""
OUTS = {"responses": "out.parquet", "rejects": "rejects.parquet", "counts": "counts.json"}


class Folder:
    """A project in which `respond` is run against one server after another.

    rows: to answer. first_wait: seconds before a first retry.
    """

    def __init__(self, path: Path, rows: int, first_wait: float = 1.0) -> None:
        from evobuild.core import tables
        from evobuild.core.instructions import INSTRUCTIONS, Instruction

        self.path, self.store, self._first_wait = path, path / "replies.sqlite", first_wait
        path.mkdir(exist_ok=True)
        (path / "prompts").symlink_to(ROOT / "prompts")
        params = yaml.safe_load((ROOT / "params.yaml").read_text())
        params["models"]["responder"] = "openai:tiny"
        (path / "params.yaml").write_text(yaml.safe_dump(params))
        empty = ("", "r0", "chat", (), "Name a river.", "", "")
        instructions = (
            Instruction(f"r{n}", f"c{n}", f"r{n}", *empty)._replace(instruction=f"Name river {n}.")
            for n in range(rows)
        )
        tables.write(path / "rows.parquet", tables.frame(INSTRUCTIONS, instructions))

    def run(self, url: str, key: str, **options: object) -> tuple[int, str, float]:
        """Exit code, what was said, and the peak of memory in MB."""
        stage = self.begin(url, key, **options)
        said, _ = stage.communicate(timeout=900)
        return stage.returncode, said, float((self.path / "peak").read_text())

    def begin(self, url: str, key: str, **options: object) -> subprocess.Popen[str]:
        """Begin the stage. options: of machine.yaml's openai."""
        given = {"base_url": url} | options
        (self.path / "machine.yaml").write_text(yaml.safe_dump({"openai": given}))
        named = [word for name, file in OUTS.items() for word in (f"--{name}", file)]
        return subprocess.Popen(
            [sys.executable, "-c", STAGE, "--pool", "r0", "--rows", "rows.parquet", *named],
            cwd=self.path,
            env=os.environ
            | {
                "PYTHONPATH": str(ROOT),
                "DVC_ROOT": str(self.path),
                "EVOBUILD_STORE": str(self.store),
                "FIRST_WAIT": str(self._first_wait),
                "OPENAI_API_KEY": key,
                "NO_PROXY": "127.0.0.1",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )

    def replies(self) -> int:
        """Count the cached replies."""
        if not self.store.exists():
            return 0
        with closing(sqlite3.connect(self.store)) as connection:
            count: int = connection.execute("SELECT count(*) FROM replies").fetchone()[0]
        return count

    def rows_accounted_for(self) -> int:
        """Rows out and rejects of the last run."""
        counts = json.loads((self.path / OUTS["counts"]).read_text())
        return int(counts["out"]) + sum(counts["rejects"].values())

    def leaks(self, pieces: list[str]) -> list[str]:
        """The files that hold a part of the key."""
        files = [file for file in self.path.rglob("*") if file.is_file() and not file.is_symlink()]
        return [file.name for file in files if any(piece.encode() in file.read_bytes() for piece in pieces)]


class Met(NamedTuple):
    """What one run of the stage made of a behaviour.

    is_wrong: rows are neither out nor rejects, or an out is there that should not. peak: of memory, in MB.
    leaks: files and words that hold a part of the key.
    """

    is_wrong: bool
    has_traceback: bool
    peak: float
    leaks: list[str]


def run(figures: Figures) -> None:
    """Take all figures."""
    sys.path[:0] = [str(SUPPORT), str(ROOT)]
    from hostile import BEHAVIOURS

    began = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        met = [each for runs in pool.map(_meet, enumerate(BEHAVIOURS)) for each in runs]
    figures.at_least("servers: hostile behaviours, each over 500 rows", len(BEHAVIOURS), 30, "behaviours")
    figures.at_most("servers: tracebacks", sum(each.has_traceback for each in met), 0, "runs")
    wrong = sum(each.is_wrong for each in met)
    figures.at_most("servers: runs whose rows are not out or rejects, or not untouched", wrong, 0, "runs")
    leaks = sum(bool(each.leaks) for each in met)
    figures.at_most("servers: runs that leave a part of the key", leaks, 0, "runs")
    figures.at_most("servers: peak memory of a stage", max(each.peak for each in met), 500, "MB")
    figures.at_most("servers: time of this part", (time.monotonic() - began) / 60, 15, "minutes")


def _meet(numbered: tuple[int, str]) -> list[Met]:
    """Run the stage against one behaviour, with its number and name, in a folder of its own."""
    from faults import KEY, Body, FaultServer, good
    from hostile import BEHAVIOURS, pieces

    place, name = numbered
    answer, outcome = BEHAVIOURS[name]

    def plan(body: Body, attempt: int) -> object:
        given = answer(body)
        every = 16 if given.endless else 4
        number = int(body["messages"][-1]["content"].split("river ")[1].split(".")[0])
        return given if number % every == 3 and server.asked.total() > 1 else good(body)

    met = []
    fails = outcome == "later" and place % 8 == 0
    for unanswered in ("reject", "fail") if fails else ("reject",):
        with tempfile.TemporaryDirectory() as path, FaultServer(plan) as server:
            folder = Folder(Path(path), ROWS, first_wait=0.01)
            options = {"timeout": TIMEOUT, "retries": 1, "unanswered": unanswered}
            code, said, peak = folder.run(server.url, KEY, **options)
            if unanswered == "reject":
                is_wrong = code != 0 or folder.rows_accounted_for() != ROWS
            else:
                is_wrong = code != 1 or any((folder.path / out).exists() for out in OUTS.values())
            leaks = [*folder.leaks(pieces()), *(piece for piece in pieces() if piece in said)]
        met.append(Met(is_wrong, "Traceback" in said, peak, leaks))
        if is_wrong or leaks or "Traceback" in said or peak > 400:
            print(f"{name}, {unanswered}: exit {code}, {peak:.0f} MB, {leaks}: {said[-500:]}", flush=True)
    return met


if __name__ == "__main__":
    of_parts(__doc__, ("servers",), lambda figures, part: run(figures))
