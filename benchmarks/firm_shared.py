"""Two builds with one reply cache, both killed, and what is left of it after the next runs.

    python benchmarks/firm.py shared

The stage `respond` of two projects asks the same questions of a server at the same time. Both get SIGKILL at
a random moment, KILLS times; then both run to their end. Their tables have to have the bytes of a build that
nobody disturbed, and no more may be asked twice than was in flight.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from figures import Figures, of_parts
from firm_servers import OUTS, ROOT, SUPPORT, Folder

ROWS = 1500
KILLS = 4
LATENCY = 0.25
"""Seconds of a reply, so that many are in flight."""
CONCURRENCY = 64
"""Calls that a build has in flight at most, as machine.yaml has it by default."""
UNCOMMITTED = 6
"""Replies of a build that came within 20 ms before a kill, and were not on disk yet."""
SEED = 5
SHARES = 0.05, 0.2
"""Of the questions, after whose replies both are killed."""


def run(figures: Figures) -> None:
    """Take all figures."""
    sys.path[:0] = [str(SUPPORT), str(ROOT)]
    from faults import KEY, FaultServer

    draw, lost = random.Random(SEED), list[int]()
    with tempfile.TemporaryDirectory() as path:
        quiet = Folder(Path(path, "quiet"), ROWS)
        folders = [Folder(Path(path, name), ROWS) for name in ("one", "other")]
        with FaultServer() as server:
            _finish([quiet.begin(server.url, KEY)])
        for folder in folders:
            folder.store = Path(path, "replies.sqlite")
        with FaultServer(latency=LATENCY) as server:
            while len(lost) < KILLS:
                wanted = len(server.answered) + ROWS * draw.uniform(*SHARES)
                builds = [folder.begin(server.url, KEY) for folder in folders]
                while len(server.answered) < wanted and all(build.poll() is None for build in builds):
                    time.sleep(0.01)
                if any(build.poll() is not None for build in builds):
                    break
                for build in builds:
                    build.kill()
                for build in builds:
                    build.communicate()
                lost.append(len(server.asked) - folders[0].replies())
            _finish([folder.begin(server.url, KEY) for folder in folders])
            twice = server.asked.total() - len(server.asked)
        files = [(folder.path / OUTS[name], quiet.path / OUTS[name]) for folder in folders for name in OUTS]
        differing = sum(one.read_bytes() != other.read_bytes() for one, other in files)
    print(f"shared: asked and not kept at each kill: {lost}; asked twice: {twice}", flush=True)
    figures.at_least("shared: kills of two builds with one reply cache", len(lost), KILLS, "")
    figures.at_most("shared: tables that differ from an undisturbed build", differing, 0, "")
    most = 2 * (CONCURRENCY + UNCOMMITTED)
    figures.at_most("shared: calls in flight that a kill of both costs", max(lost), most, "")
    figures.at_most("shared: calls asked twice beyond those in flight", twice - sum(lost), 0, "")


def _finish(builds: list[subprocess.Popen[str]]) -> None:
    for build in builds:
        said, _ = build.communicate(timeout=600)
        assert build.returncode == 0, said[-500:]


if __name__ == "__main__":
    of_parts(__doc__, ("shared",), lambda figures, part: run(figures))
