"""The stage `evolve` in two of Ray's workers, one of which is killed at a random moment, five times.

    python benchmarks/scale.py killed

The tables have to be those of one process, byte for byte, and no more may be asked again than a worker had in
flight. The model is simulated.
"""

from __future__ import annotations

import os
import random
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from figures import Figures

from evobuild.cli.check.all_params import load_all_params
from evobuild.core import machine, tables
from evobuild.core.instructions import INSTRUCTIONS, SEED_ROUND, Instruction, content_id, row_id
from evobuild.models import ray_engine
from evobuild.models.ray_cluster import CONNECTION
from evobuild.models.usage import Usage

ROOT = Path(__file__).parent.parent
ROWS = 2000
KILLS = 5
HERE, WORKERS = "", "ray: {replicas: 2, engines: [simulated]}\n"


def run(figures: Figures) -> None:
    """Take the figures; a minute on two cores."""
    draw = random.Random(17)
    with tempfile.TemporaryDirectory(prefix="evobuild-bench-") as path:
        folder = Path(path)
        os.environ["DVC_ROOT"] = path
        parents = [_parent(number) for number in range(ROWS)]
        tables.write(folder / "r0.parquet", tables.frame(INSTRUCTIONS, parents))
        quiet, _, calls = _evolve(folder, HERE, None)
        place = machine.Ray(replicas=2, engines=["simulated"])
        CONNECTION.join(place)
        try:
            found = [_evolve(folder, WORKERS, draw.randrange(1, calls - 200)) for _ in range(KILLS)]
        finally:
            CONNECTION.leave()
    for number, (_, lost, asked) in enumerate(found):
        print(f"kill {number}: {lost} in flight, {asked - calls} asked again")
    differing = sum(content != quiet for content, _, _ in found)
    beyond = max(asked - calls - lost for _, lost, asked in found)
    killed = sum(lost > 0 for _, lost, _ in found)
    figures.at_least("workers killed with requests in flight", killed, KILLS, "")
    figures.at_most("tables that differ after a worker was killed", differing, 0, "")
    figures.at_most("requests asked again beyond those in flight", beyond, 0, "")


def _evolve(folder: Path, settings: str, moment: int | None) -> tuple[bytes, int, int]:
    """Run the stage. moment: the call after which a worker is killed.

    Returns the tables, what the killed worker had in flight, and the calls that were made.
    """
    from stages import evolve

    (folder / "machine.yaml").write_text(settings)
    os.environ["EVOBUILD_STORE"] = str(folder / "store.sqlite")
    for file in folder.glob("store.sqlite*"):
        file.unlink()
    files = ("method", "child", "rejects", "failures", "replies", "counts")
    paths = {name: folder / name for name in files} | {"parents": folder / "r0.parquet"}
    given = load_all_params(ROOT / "params.yaml")
    given = given.model_copy(update={"evolve": given.evolve.model_copy(update={"method": "e0"})})
    watched = _Watched(moment)
    with watched.patched():
        evolve.main(given, evolve.Arguments(round="r1", parent="r0", **paths))
    content = b"".join((folder / name).read_bytes() for name in ("child", "rejects", "replies", "counts"))
    return content, watched.lost, watched.calls


class _Watched:
    """Counts the calls of a run and what lost workers had in flight, and kills one worker."""

    def __init__(self, moment: int | None) -> None:
        self.moment, self.calls, self.lost = moment, 0, 0
        self._processes: list[int] = []
        self._lock = threading.Lock()

    @contextmanager
    def patched(self) -> Iterator[None]:
        add_call, go_on, lose = Usage.add_call, ray_engine.RayEngine._go_on, ray_engine.RayEngine._lose

        def counted(usage: Usage, purpose: str, is_first: bool) -> bool:
            with self._lock:
                self.calls += 1
                if self.calls == self.moment:
                    threading.Timer(random.random() / 50, self._kill).start()
            return add_call(usage, purpose, is_first)

        def told(running: Any, worker: Any, value: Any) -> None:
            if isinstance(value, int):
                self._processes.append(value)
            go_on(running, worker, value)

        def lost(running: Any, worker: Any, reason: str) -> None:
            self.lost += len(worker.in_flight)
            lose(running, worker, reason)

        engine = mock.patch.multiple(ray_engine.RayEngine, _go_on=told, _lose=lost)
        with engine, mock.patch.object(Usage, "add_call", counted):
            yield

    def _kill(self) -> None:
        os.kill(random.choice(self._processes[:2]), signal.SIGKILL)


def _parent(number: int) -> Instruction:
    text = f"Explain topic {number} to a child."
    content = content_id((), text, "")
    own = row_id(SEED_ROUND, "", content)
    return Instruction(own, content, own, "", SEED_ROUND, "chat", (), text, "", "")
