"""Workers: the same to the last digit as in one process, whatever becomes of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import fake_ray
import patience
import pytest
import tiny
import worker_tasks
import yaml

from evobuild.core.errors import UserError
from evobuild.core.uri import Weights
from evobuild.models import workers
from evobuild.models.ray_cluster import Connection
from evobuild.models.workers import Workers
from evobuild.scoring.params import Score
from evobuild.scoring.score import Scorer

NUMBERS = list(range(1, 41))
DOUBLED = [2 * number for number in NUMBERS]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Write machine.yaml of a project of the test's own."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))

    def write(**given: object) -> None:
        (tmp_path / "machine.yaml").write_text(yaml.safe_dump(given))

    return write


@pytest.fixture
def ray(settings: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> Callable[..., fake_ray.FakeRay]:
    """Begin a made-up Ray of two workers."""

    def begin(**options: object) -> fake_ray.FakeRay:
        found = fake_ray.FakeRay(**options)
        monkeypatch.setitem(sys.modules, "ray", found)
        monkeypatch.setattr(workers, "CONNECTION", Connection())
        settings(ray={"replicas": 2})
        return found

    return begin


def test_one_device_needs_no_process(settings: Callable[..., None]) -> None:
    settings()
    with Workers(worker_tasks.doubling()) as own:
        assert [(value, process) for value, process, _ in own.measure([1, 2])] == [
            (2, os.getpid()),
            (4, os.getpid()),
        ]
        assert list(own.measure([])) == []


def test_processes_share_the_items_and_stay(settings: Callable[..., None]) -> None:
    settings(measuring={"processes": 2})
    with Workers(worker_tasks.doubling()) as own:
        first, second = (list(own.measure(NUMBERS)) for _ in range(2))
    for found in (first, second):
        assert sorted(value for value, *_ in found) == DOUBLED
    used = {process for _, process, _ in (*first, *second)}
    assert len(used) == 2 and os.getpid() not in used
    assert not any(Path(f"/proc/{process}").exists() for process in used), "they end with what they were for"


def test_each_process_has_a_gpu_of_those_that_are_to_be_seen(
    settings: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-7f")
    monkeypatch.setattr(workers, "_gpus", lambda: 2)
    with Workers(worker_tasks.doubling()) as own:
        assert {device for _, _, device in own.measure(NUMBERS)} <= {"3", "GPU-7f"}


def test_an_item_that_ends_each_process_ends_the_stage(settings: Callable[..., None], tmp_path: Path) -> None:
    settings(measuring={"processes": 2})
    (tmp_path / "marks").mkdir()
    with (
        Workers(worker_tasks.doubling(7, tmp_path / "marks", times=100)) as own,
        pytest.raises(UserError, match="the doubler: its processes ended 3 times with nothing measured"),
    ):
        list(own.measure([7]))


def test_what_a_model_says_reaches_the_user(settings: Callable[..., None]) -> None:
    settings(measuring={"processes": 2})
    with Workers(worker_tasks.broken()) as own, pytest.raises(UserError, match=r"^the doubler is not there$"):
        list(own.measure(NUMBERS))


STAGE = """
import worker_tasks
from evobuild.models.workers import Workers
if __name__ == "__main__":
    for value, process, _ in Workers(worker_tasks.slow(0.2)).measure(list(range(200))):
        print(process, flush=True)
"""


def test_a_killed_stage_leaves_no_worker(settings: Callable[..., None], tmp_path: Path) -> None:
    settings(measuring={"processes": 2})
    (tmp_path / "stage.py").write_text(STAGE)
    command = [sys.executable, str(tmp_path / "stage.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as stage:
        assert stage.stdout is not None
        worker = int(stage.stdout.readline())
        os.kill(stage.pid, signal.SIGKILL)
    assert patience.until(lambda: not Path(f"/proc/{worker}").exists())


def test_scores_of_processes_are_those_of_one_to_the_last_digit(
    settings: Callable[..., None], store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        tiny.row(instruction=f"Name {n} fish." * (1 + n % 5), output="A pike. " * (n % 9)) for n in range(60)
    ]
    given = Score(template="plain", dtype="float32", max_length=64)
    found = []
    for processes in (1, 2):
        monkeypatch.setenv("EVOBUILD_STORE", str(tmp_path / f"store{processes}.sqlite"))
        settings(measuring={"processes": processes})
        with Scorer(Weights(str(tiny.folder())), given) as scorer:
            found.append(sorted(scorer.score_rows(rows)))
    assert found[0] == found[1] and len(found[0]) == 60


def test_rays_workers_share_the_items(ray: Callable[..., fake_ray.FakeRay]) -> None:
    made = ray()
    with Workers(worker_tasks.doubling()) as own:
        assert sorted(value for value, *_ in own.measure(NUMBERS)) == DOUBLED
    assert len(made.handles) == 2 and all(handle.dead for handle in made.handles) and not made.is_up
    assert [claim["num_cpus"] for claim in made.claims] == [1, 1]


def test_a_gpu_each_where_there_are_gpus(ray: Callable[..., fake_ray.FakeRay]) -> None:
    made = ray(resources={"CPU": 8.0, "GPU": 4.0})
    with Workers(worker_tasks.doubling()) as own:
        list(own.measure([1]))
    assert [(claim["num_gpus"], claim["num_cpus"]) for claim in made.claims] == [(1, 0), (1, 0)]


def test_a_lost_worker_of_rays_costs_no_item(ray: Callable[..., fake_ray.FakeRay]) -> None:
    asked = []

    def dies(handle: fake_ray.Handle) -> bool:
        asked.append(handle)
        return len(asked) in (3, 4)

    made = ray(dies=dies)
    with Workers(worker_tasks.doubling()) as own:
        assert sorted(value for value, *_ in own.measure(NUMBERS)) == DOUBLED
    assert len(made.handles) == 4


def test_rays_workers_that_are_lost_one_after_the_other_end_the_stage(
    ray: Callable[..., fake_ray.FakeRay],
) -> None:
    ray(dies=lambda handle: True)
    with Workers(worker_tasks.doubling()) as own, pytest.raises(UserError, match="6 Ray workers in a row"):
        list(own.measure(NUMBERS))


def test_a_node_with_other_weights_is_refused(
    ray: Callable[..., fake_ray.FakeRay], monkeypatch: pytest.MonkeyPatch
) -> None:
    ray()
    monkeypatch.setattr(workers._RayWorker, "identity", lambda worker: ("doubler 2", "0"))
    with (
        Workers(worker_tasks.doubling()) as own,
        pytest.raises(UserError, match="has doubler 2 of evobuild 0"),
    ):
        list(own.measure(NUMBERS))
