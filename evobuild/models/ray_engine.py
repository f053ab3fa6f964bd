"""A model in several of Ray's workers, each with an engine of its own, behind the chat client.

Ray is a place and no engine: a reply is kept under the identity of the engine that gave it. Each request goes
to the worker with the fewest in flight, and the stage, which alone writes to the reply cache, gets replies as
they finish. A worker that is lost, alone or with its node, costs what it had in flight: that is asked again
elsewhere, while another takes its place. What is in flight is bounded, here and in each worker.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from evobuild.core.chat import Reply, Request
from evobuild.core.errors import UserError
from evobuild.core.machine import Machine
from evobuild.core.uri import ChatModel, Weights
from evobuild.models import registry
from evobuild.models.ray_cluster import CONNECTION, ResourceRequest, request_resources, spread
from evobuild.models.ray_replica import AHEAD, CALLS, Replica, Started
from evobuild.models.usage import NO_BUDGET
from evobuild.process.terminal import log
from evobuild.process.version import __version__
from evobuild.weights import sources

RETRIES = 3
"""Of a request whose worker was lost, which may be its own doing."""

SUSPECT = 2
"""Lost workers from which on a request is asked with no other such: one of them may break each worker."""

LOST_IN_A_ROW = 3
"""Workers lost for each of the replicas with no reply in between, from which on there is no use in more."""

PLACE_SECONDS = 120.0
"""For the first worker to be found a place and begin; a model takes what it takes to load."""

TOGETHER_SECONDS = 30.0
"""From the first worker that is ready, for the others: requests are spread over those that are."""


def cluster_share(model: ChatModel, settings: Machine) -> float:
    """Get the share of a cluster's devices that a model's replicas take. Raises UserError without one."""
    assert settings.ray is not None, "no model is Ray's"
    ray = CONNECTION.join(settings.ray)
    try:
        return request_resources(ray, model, settings).share
    finally:
        CONNECTION.leave()


@dataclass(eq=False)
class _Worker:
    """One of Ray's workers as the stage sees it. in_flight: by key; capacity: 0 until its engine runs."""

    handle: Any
    is_placed: bool = False
    capacity: int = 0
    in_flight: dict[str, Request] = field(default_factory=dict)

    @property
    def room(self) -> int:
        return self.capacity - len(self.in_flight)


class RayEngine:
    """Replicas of one model. Raises UserError if Ray cannot be used or the model not be loaded."""

    def __init__(self, model: ChatModel, settings: Machine) -> None:
        assert settings.ray is not None, "no model is Ray's"
        self._model, self._address = _pinned(model), settings.ray.address
        self._waiting: deque[Request] = deque()
        self._suspects: deque[Request] = deque()
        self._lost_with: Counter[str] = Counter()
        self._lost_in_a_row = 0
        self._done: list[Reply] = []
        self._pending: dict[Any, _Worker] = {}
        self._ray = CONNECTION.join(settings.ray)
        with ExitStack() as unless_running:
            unless_running.callback(self.close)
            self._claim = request_resources(self._ray, model, settings)
            self._settings = _of_replicas(model, settings, self._claim)
            self._identity = registry.engine_identity(self._model)
            for _ in range(self._claim.replicas):
                self._begin()
            self.capacity = self._claim.replicas * self._first_capacity()
            unless_running.pop_all()

    def submit(self, request: Request) -> None:
        """Take one request; it is sent with others when replies are waited for."""
        self._waiting.append(request)

    def collect(self) -> list[Reply]:
        """Wait for replies.

        Raises UserError if workers are lost one after the other, or the model cannot be loaded where it was
        loaded before.
        """
        while not self._done:
            self._send()
            # Some that were sent may have met the end of the budget.
            if not self._done:
                self._take(self._patience())
        done, self._done = self._done, []
        return done

    def close(self) -> None:
        """Let the workers go, whatever they have in flight."""
        for worker in self._workers():
            self._ray.kill(worker.handle)
        self._pending.clear()
        CONNECTION.leave()

    def _workers(self) -> list[_Worker]:
        return list(dict.fromkeys(self._pending.values()))

    def _begin(self) -> None:
        """Request a worker; `_take` receives its outcome."""
        remote = self._ray.remote(
            num_cpus=self._claim.cpus,
            num_gpus=self._claim.gpus,
            max_restarts=0,
            max_concurrency=CALLS,
        )
        worker = _Worker(remote(Replica).remote())
        self._pending[worker.handle.place.remote()] = worker

    def _first_capacity(self) -> int:
        """Wait for the first engine, and some seconds for the others."""
        deadline = time.monotonic() + PLACE_SECONDS
        while not (running := [each for each in self._workers() if each.capacity]):
            self._take(self._patience(deadline))
        deadline = time.monotonic() + TOGETHER_SECONDS
        while len(running) < self._claim.replicas and (left := deadline - time.monotonic()) > 0:
            self._take(left)
            running = [each for each in self._workers() if each.capacity]
        return max(each.capacity for each in running)

    def _patience(self, deadline: float | None = None) -> float | None:
        """Compute the seconds to wait for the next result: no limit once a worker has started."""
        if any(worker.is_placed for worker in self._workers()):
            return None
        return PLACE_SECONDS if deadline is None else max(0.0, deadline - time.monotonic())

    def _send(self) -> None:
        """Give what waits to those with the fewest in flight, each its part at once."""
        ready = [worker for worker in self._workers() if worker.capacity]
        batches: dict[_Worker, list[Request]] = {worker: [] for worker in ready}
        for worker in ready:
            if self._suspects and worker.room > 0 and not any(map(self._is_suspect, worker.in_flight)):
                self._assign(worker, self._suspects.popleft(), batches[worker])
        while self._waiting and ready:
            worker = max(ready, key=lambda each: each.room)
            if worker.room <= 0:
                break
            self._assign(worker, self._waiting.popleft(), batches[worker])
        for worker, batch in batches.items():
            if batch:
                worker.handle.submit.remote(batch)

    def _is_suspect(self, key: str) -> bool:
        return self._lost_with[key] >= SUSPECT

    def _assign(self, worker: _Worker, request: Request, batch: list[Request]) -> None:
        # The budget may have ended since it was asked first.
        if request.meter and not request.meter.send():
            self._done.append(Reply(request.key, (), 0, NO_BUDGET, passing=True))
            return
        worker.in_flight[request.key] = request
        batch.append(replace(request, meter=None))

    def _take(self, seconds: float | None) -> None:
        """Wait for what comes first of any worker, and take what is there."""
        refs = list(self._pending)
        found, _ = self._ray.wait(refs, num_returns=1, timeout=seconds)
        if not found and not any(worker.capacity for worker in self._workers()):
            raise UserError(self._without_place())
        if found:
            found, _ = self._ray.wait(refs, num_returns=len(refs), timeout=0)
        for ref in found:
            # Another call to a worker that was lost went with it.
            if worker := self._pending.pop(ref, None):
                self._take_from(worker, ref)

    def _take_from(self, worker: _Worker, ref: Any) -> None:
        errors = self._ray.exceptions
        try:
            value = self._ray.get(ref)
        except errors.RayTaskError as error:
            # What the engine itself says. One that never ran would not run elsewhere.
            cause = error.cause if isinstance(error.cause, BaseException) else error
            if not isinstance(cause, UserError):
                raise
            if not worker.capacity:
                raise UserError(str(cause)) from error
            self._lose(worker, str(cause))
        except errors.RayError as error:
            self._lose(worker, f"{type(error).__name__}: {str(error).partition(chr(10))[0][:200]}")
        else:
            self._go_on(worker, value)

    def _go_on(self, worker: _Worker, value: int | Started | list[Reply]) -> None:
        """Take what a call gave, and make the next."""
        if isinstance(value, int):
            worker.is_placed = True
            ref = worker.handle.start.remote(self._model, self._settings, str(Path.cwd()))
            self._pending[ref] = worker
        elif isinstance(value, list):
            self._lost_in_a_row = 0
            for reply in value:
                if worker.in_flight.pop(reply.key, None):
                    self._lost_with.pop(reply.key, None)
                    self._done.append(reply)
            self._pending[worker.handle.collect.remote()] = worker
        else:
            started = Started(*value)
            self._check(started)
            worker.capacity = started.capacity
            for _ in range(AHEAD):
                self._pending[worker.handle.collect.remote()] = worker

    def _check(self, started: Started) -> None:
        """Raise UserError if a node has another model, or another evobuild, which may make other replies."""
        if (started.identity, started.version) != (self._identity, __version__):
            raise UserError(
                f"a Ray worker has {started.identity} of evobuild {started.version}, this stage "
                f"{self._identity} of {__version__}; expected the same weights and library on every node"
            )

    def _lose(self, worker: _Worker, reason: str) -> None:
        """Ask for another worker, and again what this one had in flight."""
        self._pending = {ref: each for ref, each in self._pending.items() if each is not worker}
        self._ray.kill(worker.handle)
        self._lost_in_a_row += 1
        if self._lost_in_a_row >= LOST_IN_A_ROW * self._claim.replicas:
            raise UserError(
                f"{self._model}: {self._lost_in_a_row} Ray workers in a row were lost without a reply: "
                f"{reason}\n"
                "every other reply is kept: mend the nodes, or lower what the engine takes, and run again"
            )
        again = f"{len(worker.in_flight)} requests are asked again"
        log(f"{self._model}: a Ray worker was lost ({reason}); {again}")
        for key, request in worker.in_flight.items():
            self._lost_with[key] += 1
            if self._lost_with[key] > RETRIES:
                told = f"its Ray worker was lost {RETRIES + 1} times: {reason}"
                self._done.append(Reply(key, (), 0, told, passing=True))
            elif self._is_suspect(key):
                self._suspects.append(request)
            else:
                self._waiting.appendleft(request)
        self._begin()

    def _without_place(self) -> str:
        free = {name: f"{value:g}" for name, value in self._ray.available_resources().items()}
        each = f"{self._claim.gpus:g} GPU" if self._claim.gpus else f"{self._claim.cpus:g} CPU"
        return (
            f"{self._model}: Ray at '{self._address}' gave no worker of {each} within {PLACE_SECONDS:g} s; "
            f"free are {free.get('GPU', '0')} GPU and {free.get('CPU', '0')} CPU; lower gpus_per_replica, "
            "or add nodes"
        )


def _pinned(model: ChatModel) -> ChatModel:
    """Pin a model of the hub to its commit, so that every node loads the same."""
    weights = Weights(model.name, model.revision)
    if model.simulated or weights.is_local or model.revision:
        return model
    return replace(model, revision=sources.hub_commit(weights))


def _of_replicas(model: ChatModel, settings: Machine, request: ResourceRequest) -> Machine:
    """Build the settings of a replica, which runs in place of a whole stage."""
    options = settings.vllm.of(str(model))
    if model.engine == "vllm":
        options = spread(options, request.gpus)
    vllm = settings.vllm.model_copy(update=options.model_dump() | {"models": {}})
    return settings.model_copy(update={"vllm": vllm, "ray": None})
