"""A cluster of three nodes, one of which dies: replies stay the same, and only what it had is asked again."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import ray_questions

from evobuild.core.uri import ChatModel
from evobuild.models import ray_engine

NODES = 3
ROWS = 60
SYSTEM = {
    "health_check_initial_delay_ms": 1000,
    "health_check_period_ms": 1000,
    "health_check_failure_threshold": 5,
    "agent_register_timeout_ms": 300_000,
}
"""A dead node is known as such within some seconds, and one on a busy machine has time to begin."""
AGENT_PORTS = (
    "metrics_agent_port",
    "metrics_export_port",
    "dashboard_agent_listen_port",
    "runtime_env_agent_port",
)
"""Of a node's agents: a node waits 15 s for those that it is not told."""


def small_node() -> dict[str, Any]:
    """What a node of one CPU is given, with ports that are free."""
    with ExitStack() as stack:
        free = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in AGENT_PORTS]
        ports = {name: each.getsockname()[1] for name, each in zip(AGENT_PORTS, free, strict=True)}
    return {"num_cpus": 1, "object_store_memory": 80 << 20, "include_dashboard": False, **ports}


@pytest.fixture
def cluster() -> Iterator[Any]:
    """Three nodes of one CPU each on this machine, the first of them the head."""
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={**small_node(), "_system_config": SYSTEM})
    try:
        for _ in range(1, NODES):
            made.add_node(**small_node())
        made.wait_for_nodes()
        yield made
    finally:
        made.shutdown()


def kill(cluster: Any, node: Any) -> None:
    """Kill a node with its workers, which would answer for some seconds more without their raylet."""
    raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
    workers = raylet.children(recursive=True)
    cluster.remove_node(node, allow_graceful=False)
    for worker in workers:
        with suppress(psutil.NoSuchProcess):
            worker.kill()


def test_a_node_that_dies_costs_what_it_had_in_flight(
    cluster: Any, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("EVOBUILD_STORE", str(tmp_path / "store.sqlite"))
    model = ChatModel("transformers", str(folder), dtype="float32")
    here = ray_questions.asked(tmp_path, model, "transformers: {batch: 4}\n", ROWS)
    go_on, lose, assign = (getattr(ray_engine.RayEngine, name) for name in ("_go_on", "_lose", "_assign"))
    answered, sent, lost = 0, 0, list[int]()

    def told(self: Any, worker: Any, value: Any) -> None:
        nonlocal answered
        answered += len(value) if isinstance(value, list) else 0
        go_on(self, worker, value)
        if answered >= ROWS // 6 and len(cluster.worker_nodes) == NODES - 1:
            assert {each.capacity > 0 for each in self._workers()} == {True}, "each node has its replica"
            kill(cluster, next(iter(cluster.worker_nodes)))

    def noted(self: Any, worker: Any, reason: str) -> None:
        lost.append(len(worker.in_flight))
        lose(self, worker, reason)

    def assigned(self: Any, *given: Any) -> None:
        nonlocal sent
        sent += 1
        assign(self, *given)

    for name, patch in (("_go_on", told), ("_lose", noted), ("_assign", assigned)):
        monkeypatch.setattr(ray_engine.RayEngine, name, patch)
    place = f"ray: {{address: '{cluster.address}', replicas: {NODES}, engines: [transformers]}}\n"
    assert ray_questions.asked(tmp_path, model, f"{place}transformers: {{batch: 4}}\n", ROWS) == here
    assert len(cluster.worker_nodes) == NODES - 2 and len(lost) == 1
    assert 0 < sent - ROWS <= lost[0]
