"""Models in workers of a real Ray: the replies of one process, whatever happens to a worker."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import patience
import pytest
from ray_questions import asked

from evobuild.core import machine
from evobuild.core.uri import ChatModel
from evobuild.models import ray_engine
from evobuild.models.ray_cluster import CONNECTION

WORKERS = "ray: {replicas: 2, engines: [simulated, transformers]}\ntransformers: {batch: 4}\n"
ROWS = 1500


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    """A Ray that all tests of this module use."""
    yield CONNECTION.join(machine.Ray(replicas=2))
    CONNECTION.leave()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of the test's own."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("EVOBUILD_STORE", str(tmp_path / "store.sqlite"))
    return tmp_path


def test_workers_give_the_replies_of_one_process(ray: Any, root: Path, folder: Path) -> None:
    model = ChatModel("transformers", str(folder), dtype="float32")
    here = asked(root, model, "transformers: {batch: 4}\n", 60)
    assert asked(root, model, WORKERS, 60) == here
    assert {error for _, _, error in here} == {None}


@pytest.mark.parametrize("seed", range(3))
def test_a_killed_worker_costs_what_it_had_in_flight(
    ray: Any, root: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    model, draw = ChatModel("simulated", "small"), random.Random(seed)
    here, moment = asked(root, model, "", ROWS), draw.randrange(100, ROWS - 300)
    go_on, lose, assign = (getattr(ray_engine.RayEngine, name) for name in ("_go_on", "_lose", "_assign"))
    processes: list[int] = []
    in_flight: list[int] = []
    calls = 0

    def told(self: Any, worker: Any, value: Any) -> None:
        if isinstance(value, int):
            processes.append(value)
        go_on(self, worker, value)
        if processes and calls > moment:
            os.kill(draw.choice(processes), signal.SIGKILL)
            processes.clear()

    def lost(self: Any, worker: Any, reason: str) -> None:
        in_flight.append(len(worker.in_flight))
        lose(self, worker, reason)

    def assigned(self: Any, *given: Any) -> None:
        nonlocal calls
        calls += 1
        assign(self, *given)

    for name, patch in (("_go_on", told), ("_lose", lost), ("_assign", assigned)):
        monkeypatch.setattr(ray_engine.RayEngine, name, patch)
    assert asked(root, model, WORKERS, ROWS) == here
    assert len(in_flight) == 1
    assert 0 < calls - ROWS <= sum(in_flight)


def test_a_killed_stage_leaves_nothing_running(root: Path) -> None:
    (root / "machine.yaml").write_text(WORKERS)
    program = (
        "import os, sys; sys.path[:0] = sys.argv[1:]\n"
        "from evobuild.core.uri import ChatModel\n"
        "from evobuild.models.placement import start_engine\n"
        "running = start_engine(ChatModel('simulated', 'small'))\n"
        "pids = [running._ray.get(each.handle.place.remote()) for each in running._workers()]\n"
        "print(*pids, flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program, str(Path(__file__).parents[2])]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root
    ) as stage:
        assert stage.stdout
        pids = [int(pid) for pid in stage.stdout.readline().split()]
        assert len(pids) == 2 and all(Path(f"/proc/{pid}").exists() for pid in pids)
        stage.kill()
    assert patience.until(lambda: not [pid for pid in pids if Path(f"/proc/{pid}").exists()])
