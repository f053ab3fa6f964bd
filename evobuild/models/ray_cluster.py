"""Ray, as far as engines need it: the one connection of a process, and what a cluster has room for.

A Ray that is started here is for this stage alone. It listens on 127.0.0.1, takes calls only with a token of
its own, and keeps its files in a folder that no other user reads. It has no dashboard and reports no usage.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import socket
import sys
import tempfile
from contextlib import ExitStack
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from evobuild.core.errors import UserError, require
from evobuild.core.machine import Machine, Ray, VllmOptions
from evobuild.core.uri import ChatModel

REACH_SECONDS = 10.0
"""For a connection to a cluster's port."""

JOIN_SECONDS = 45.0
"""For all that comes before a cluster takes work. After 60 s Ray would end the process."""

STORE_BYTES = 128 << 20
"""Of the memory that Ray passes requests and replies through; a batch of them takes a few MB."""

SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",
}
"""Of the environment: no usage is reported, and nothing is warned of that concerns other programs."""

ALONE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "token"}
"""Of a Ray that is started here. The first makes it a Ray of 127.0.0.1, on every system."""


class ResourceRequest(NamedTuple):
    """What a model's replicas take: GPUs and CPUs of each, and the share of the cluster that all have."""

    replicas: int
    gpus: float
    cpus: float
    share: float


class Connection:
    """The connection of this process. Whoever joins leaves; with the last it is closed.

    One that was there before, as in a notebook that uses Ray for itself, is used and left open.
    """

    def __init__(self) -> None:
        self._users = 0
        # What Ray starts ends with the thread that started it.
        self._thread: ThreadPool | None = None
        self._folder: Path | None = None
        # Ray reads these once, when it is loaded.
        self._was_loaded = False

    def join(self, place: Ray) -> Any:
        """Give the package `ray`, connected. Raises UserError, within JOIN_SECONDS or so, if it cannot be."""
        if place.address == "local":
            self._was_loaded |= "ray._raylet" in sys.modules and any(name not in os.environ for name in ALONE)
            os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
        for name, value in (SETTINGS | (ALONE if place.address == "local" else {})).items():
            os.environ.setdefault(name, value)
        ray = require("ray", "ray")
        if self._users == 0 and not ray.is_initialized():
            with ExitStack() as unless_open:
                unless_open.callback(self._end)
                self._thread = ThreadPool(1)
                if place.address == "local":
                    self._start(ray, place)
                else:
                    self._reach(ray, place.address)
                unless_open.pop_all()
        self._users += 1
        return ray

    def leave(self) -> None:
        """Close the connection, and what was started for it, if nobody else uses it."""
        self._users -= 1
        if self._users == 0 and self._thread is not None:
            require("ray", "ray").shutdown()
            self._end()

    def _end(self) -> None:
        if self._thread is not None:
            self._thread.terminate()
            self._thread = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _start(self, ray: Any, place: Ray) -> None:
        if self._was_loaded:
            raise UserError(
                "Ray does not start here: this process had loaded it before it was told how to; set "
                "RAY_AUTH_MODE=token and RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0 in the environment"
            )
        # Ray opens its own folder to everyone: put it inside a private one.
        self._folder = Path(tempfile.mkdtemp(prefix="ray-"))
        self._begin(
            ray,
            "Ray does not start here",
            address="local",
            num_cpus=max(os.cpu_count() or 1, place.replicas or 0),
            include_dashboard=False,
            object_store_memory=STORE_BYTES,
            _temp_dir=str(self._folder / "r"),
        )

    def _reach(self, ray: Any, address: str) -> None:
        named = f"the Ray cluster at '{address}' (machine.yaml's ray.address)"
        if ":" in address:
            parts = urlsplit(address if "://" in address else f"//{address}")
            try:
                socket.create_connection((parts.hostname or "", parts.port or 0), REACH_SECONDS).close()
            except (OSError, ValueError) as error:
                raise UserError(
                    f"{named} does not answer: {error}; start it with `ray start --head`, or set the address"
                ) from error
        self._begin(ray, f"{named} cannot be used", address=address)

    def _begin(self, ray: Any, failed: str, **options: Any) -> None:
        assert self._thread is not None, "it is there before anything begins"
        errors: list[BaseException] = []
        joining = self._thread.apply_async(
            ray.init,
            kwds=options | {"log_to_driver": False, "logging_level": logging.ERROR},
            error_callback=errors.append,
        )
        joining.wait(JOIN_SECONDS)
        if not joining.ready():
            raise UserError(f"{failed}: it does not answer within {JOIN_SECONDS:g} s")
        if errors:
            raise UserError(f"{failed}: {' '.join(str(errors[0]).split())[:300]}") from errors[0]


CONNECTION = Connection()
"""Ray itself allows a process no second one."""


def request_resources(ray: Any, model: ChatModel, settings: Machine) -> ResourceRequest:
    """Request the resources of a model's replicas from a connected cluster.

    A model whose share of its device machine.yaml states leaves the rest of it to others. Raises UserError if
    a cluster that was started here is too small.
    """
    place, total = _place(settings), ray.cluster_resources()
    if model.simulated:
        return ResourceRequest(place.replicas or int(total.get("CPU", 1)), 0, 0, 0.0)
    options = settings.vllm.of(str(model))
    gpus = place.gpus_per_replica
    if gpus is None:
        gpus = options.tensor_parallel_size * options.pipeline_parallel_size if total.get("GPU") else 0
    unit, each = ("GPU", float(gpus)) if gpus else ("CPU", 1.0)
    if each == 1:
        each = _stated_share(model, settings) or each
    whole = total.get(unit, 0.0)
    replicas = place.replicas or max(1, int(whole / each + 1e-9))
    if place.address == "local" and replicas * each > whole + 1e-9:
        raise UserError(
            f"machine.yaml: ray asks for {replicas} replicas of {each:g} {unit} each; "
            f"this machine has {whole:g}; lower ray.replicas or ray.gpus_per_replica"
        )
    cpus = 0.0 if unit == "GPU" else each
    return ResourceRequest(
        replicas, each if unit == "GPU" else 0.0, cpus, replicas * each / whole if whole else 1.0
    )


def request_for_weights(ray: Any, place: Ray) -> ResourceRequest:
    """Request a GPU for each worker of a model that measures, or a CPU if there is no GPU."""
    total = ray.cluster_resources()
    unit = "GPU" if total.get("GPU") else "CPU"
    replicas = place.replicas or max(1, int(total.get(unit, 1)))
    return ResourceRequest(replicas, float(unit == "GPU"), float(unit == "CPU"), 1.0)


def spread(options: VllmOptions, gpus: float) -> VllmOptions:
    """Build the options of a replica on `gpus` GPUs: its model is spread over all. Raises UserError."""
    if gpus < 1:
        return options.model_copy(update={"tensor_parallel_size": 1, "pipeline_parallel_size": 1})
    tensor, rest = divmod(int(gpus), options.pipeline_parallel_size)
    if rest:
        raise UserError(
            f"machine.yaml: ray.gpus_per_replica is {gpus:g}, vllm.pipeline_parallel_size is "
            f"{options.pipeline_parallel_size}; expected a multiple of it"
        )
    return options.model_copy(update={"tensor_parallel_size": tensor})


def _stated_share(model: ChatModel, settings: Machine) -> float | None:
    own = settings.vllm.of(str(model)).gpu_memory_utilization
    return own if own != settings.vllm.gpu_memory_utilization else None


def _place(settings: Machine) -> Ray:
    assert settings.ray is not None, "no model is Ray's"
    return settings.ray
