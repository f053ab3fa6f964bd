"""A model that measures, on every device there is: items go to whoever is free.

Where there is one device the stage's own process has the model. Of several GPUs each has a process with the
model, and with `ray` in machine.yaml each of Ray's workers, on any node. What is measured of an item has the
same bits whatever is read beside it (`passes`, `equal_lengths`), so none depends on who measured it, as
long as the devices are alike. Only the stage writes down what was measured, as it comes. A worker that is
lost costs what it was measuring: that is measured again elsewhere.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import re
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.connection import wait as wait_for_end
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

from evobuild.core.errors import UserError, require
from evobuild.core.machine import Machine, load_machine
from evobuild.models.ray_cluster import CONNECTION, request_for_weights
from evobuild.process.terminal import log
from evobuild.process.version import __version__

ENGINE = "weights"
"""The name of models that measure among `ray.engines`."""
CHUNKS = 8
"""That a worker gets of what is measured at once, so that all end at about the same time."""
LARGEST = 256
"""Items of a chunk: what is measured again where a worker is lost."""
LOST_IN_A_ROW = 3
"""Workers lost for each that there are, with nothing measured in between, from which on no more are begun."""
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
PLACE_SECONDS = 120.0
"""For the first of Ray's workers to be found a place."""

Item = TypeVar("Item")
Found = TypeVar("Found")
Measure = Callable[[list[Item]], Iterable[Found]]
"""Measures items, in any order and number of results."""


@dataclass(frozen=True)
class Task(Generic[Item, Found]):
    """What a worker is to do; it can be pickled.

    name: of the model, in messages. load: loads the model. identity: names its weights and libraries, which
    must be equal on all nodes of a cluster. size: about how long an item takes, in any unit.
    """

    name: str
    load: Callable[[], Measure[Item, Found]]
    identity: Callable[[], str]
    size: Callable[[Item], int]


class _Pool(Protocol[Item, Found]):
    """Workers that are there. count: how many."""

    count: int

    def measure(self, chunks: list[list[Item]]) -> Iterator[list[Found]]: ...

    def close(self) -> None: ...


class Workers(Generic[Item, Found]):
    """Workers for a task, which begin when the first item comes.

    Raises UserError if the model cannot be loaded, or workers are lost one after the other.
    """

    def __init__(self, task: Task[Item, Found]) -> None:
        self._task = task
        self._here: Measure[Item, Found] | None = None
        self._pool: _Pool[Item, Found] | None = None

    def measure(self, items: Sequence[Item]) -> Iterator[Found]:
        """Measure items; what is found of them comes in any order, as it is made."""
        if not items:
            return
        if self._here is None and self._pool is None:
            self._begin()
        if self._pool is None:
            assert self._here is not None, "one of them began"
            yield from self._here(list(items))
            return
        # Alike ones together, since those are read together, and the longest first.
        ordered = sorted(items, key=self._task.size, reverse=True)
        size = min(LARGEST, -(-len(ordered) // (CHUNKS * self._pool.count)))
        for found in self._pool.measure([ordered[at : at + size] for at in range(0, len(ordered), size)]):
            yield from found

    def _begin(self) -> None:
        settings = load_machine()
        if settings.ray is not None and ENGINE in settings.ray.engines:
            self._pool = _RayPool(self._task, settings)
        elif (count := settings.measuring.processes or _gpus()) > 1:
            self._pool = _ProcessPool(self._task, count)
        else:
            self._here = self._task.load()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.close()


def _gpus() -> int:
    """Count the GPUs of this machine; without torch none can be used, and the model reports what it needs."""
    if importlib.util.find_spec("torch") is None:
        return 0
    return int(require("torch", "train").cuda.device_count())


def _threads() -> int:
    """Threads that this process computes with; of a CPU they may decide on the last digits."""
    return int(require("torch", "train").get_num_threads())


class _Worker(Generic[Item, Found]):
    """The model in a process of its own, loaded at the first item."""

    def __init__(self, task: Task[Item, Found], threads: int) -> None:
        self._task, self._threads = task, threads
        self._measure: Measure[Item, Found] | None = None

    def measure(self, items: list[Item]) -> list[Found]:
        if self._measure is None:
            require("torch", "train").set_num_threads(self._threads)
            self._measure = self._task.load()
        return list(self._measure(items))


_own: _Worker[Any, Any] | None = None
"""Of a process of a pool."""


class _ProcessPool(Generic[Item, Found]):
    """Processes of this machine, each with a GPU of its own where there are GPUs."""

    def __init__(self, task: Task[Item, Found], count: int) -> None:
        self.count = count
        self._task = task
        self._executor: ProcessPoolExecutor | None = None

    def measure(self, chunks: list[list[Item]]) -> Iterator[list[Found]]:
        left, lost = dict(enumerate(chunks)), 0
        while left:
            try:
                for place, found in self._results(left):
                    del left[place]
                    lost = 0
                    yield found
            except BrokenProcessPool as error:
                self.close()
                lost += 1
                if lost >= LOST_IN_A_ROW:
                    raise UserError(
                        f"{self._task.name}: its processes ended {lost} times with nothing measured, as "
                        "those do that take too much memory; lower measuring.processes in machine.yaml"
                    ) from error
                log(f"{self._task.name}: a process was lost; what it was measuring is measured again")

    def _results(self, left: dict[int, list[Item]]) -> Iterator[tuple[int, list[Found]]]:
        executor = self._executor = self._executor or self._begun()
        flying: dict[Future[list[Found]], int] = {
            executor.submit(_measure_here, chunk): place for place, chunk in left.items()
        }
        while flying:
            done, _ = wait(flying, return_when=FIRST_COMPLETED)
            for future in done:
                yield flying.pop(future), future.result()

    def _begun(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        devices = context.SimpleQueue()
        given = os.environ.get("CUDA_VISIBLE_DEVICES")
        seen = given.split(",") if given else [str(number) for number in range(_gpus())]
        for number in range(self.count):
            devices.put(seen[number % len(seen)] if seen and _gpus() else "")
        return ProcessPoolExecutor(self.count, context, _begin_here, (self._task, _threads(), devices))

    def close(self) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._executor = None


def _begin_here(task: Task[Any, Any], threads: int, devices: Any) -> None:
    """Make this process a worker. devices: gives the GPU that is its own, '' of a CPU."""
    global _own
    # An interrupt reaches the stage as well, which ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_stage, daemon=True).start()
    if device := devices.get():
        os.environ["CUDA_VISIBLE_DEVICES"] = device
    _own = _Worker(task, threads)


def _end_with_stage() -> None:
    """End with the stage, however that ends: a worker that stays holds its GPU's memory."""
    stage = multiprocessing.parent_process()
    assert stage is not None, "a worker was started by a stage"
    wait_for_end([stage.sentinel])
    os._exit(1)


def _measure_here(items: list[Item]) -> list[Any]:
    assert _own is not None, "a worker begins before it measures"
    return _own.measure(items)


class _RayWorker(Generic[Item, Found]):
    """A worker in one of Ray's. folder: the stage's, which relative paths begin from where a node has it."""

    def __init__(self, task: Task[Item, Found], threads: int, folder: str) -> None:
        self._worker = _Worker(task, threads)
        self._task = task
        if Path(folder).is_dir():
            os.chdir(folder)

    def identity(self) -> tuple[str, str]:
        return self._task.identity(), __version__

    def measure(self, items: list[Item]) -> list[Found]:
        return self._worker.measure(items)


class _RayPool(Generic[Item, Found]):
    """Ray's workers, on any node; the connection is shared with engines that run there."""

    def __init__(self, task: Task[Item, Found], settings: Machine) -> None:
        assert settings.ray is not None, "the task is Ray's"
        self._task = task
        self._ray = CONNECTION.join(settings.ray)
        try:
            self._claim = request_for_weights(self._ray, settings.ray)
        except BaseException:
            CONNECTION.leave()
            raise
        self.count = self._claim.replicas
        self._lost = 0
        self._idle: list[Any] = []
        self._beginning: dict[Any, Any] = {}
        for _ in range(self.count):
            self._start()

    def measure(self, chunks: list[list[Item]]) -> Iterator[list[Found]]:
        waiting = chunks[::-1]
        flying: dict[Any, tuple[Any, list[Item]]] = {}
        while waiting or flying:
            while waiting and self._idle:
                worker, chunk = self._idle.pop(), waiting.pop()
                flying[worker.measure.remote(chunk)] = worker, chunk
            is_placed = bool(flying or self._idle)
            refs = [*flying, *self._beginning]
            done, _ = self._ray.wait(refs, num_returns=1, timeout=None if is_placed else PLACE_SECONDS)
            if not done:
                raise UserError(
                    f"{self._task.name}: Ray gave no worker within {PLACE_SECONDS:g} s; it needs "
                    f"{self._claim.gpus:g} GPU and {self._claim.cpus:g} CPU"
                )
            (ref,) = done
            if ref in self._beginning:
                self._begun(ref)
                continue
            worker, chunk = flying.pop(ref)
            try:
                found = self._got(ref)
            except self._ray.exceptions.RayError as error:
                waiting.append(chunk)
                self._lose(worker, error)
                continue
            self._lost = 0
            self._idle.append(worker)
            yield found

    def _start(self) -> None:
        remote = self._ray.remote(num_cpus=self._claim.cpus, num_gpus=self._claim.gpus, max_restarts=0)
        worker = remote(_RayWorker).remote(self._task, _threads(), str(Path.cwd()))
        self._beginning[worker.identity.remote()] = worker

    def _begun(self, ref: Any) -> None:
        worker = self._beginning.pop(ref)
        try:
            identity, version = self._got(ref)
        except self._ray.exceptions.RayError as error:
            self._lose(worker, error)
            return
        own = self._task.identity()
        if (identity, version) != (own, __version__):
            raise UserError(
                f"a Ray worker has {identity} of evobuild {version}, this stage {own} of {__version__}; "
                "expected the same weights and library on every node"
            )
        self._idle.append(worker)

    def _got(self, ref: Any) -> Any:
        """Get the result of a call. Raises the call's own error, or RayError if its worker was lost."""
        try:
            return self._ray.get(ref)
        except self._ray.exceptions.RayTaskError as error:
            cause = error.cause if isinstance(error.cause, UserError) else None
            if cause is None:
                raise RuntimeError(f"{self._task.name}: {error}") from error
            raise UserError(str(cause)) from error

    def _lose(self, worker: Any, error: Exception) -> None:
        self._ray.kill(worker)
        self._lost += 1
        reason = f"{type(error).__name__}: {_reason(error)[:200]}"
        if self._lost >= LOST_IN_A_ROW * self.count:
            raise UserError(
                f"{self._task.name}: {self._lost} Ray workers in a row were lost, nothing measured: {reason}"
            ) from error
        log(f"{self._task.name}: a Ray worker was lost ({reason}); what it was measuring is measured again")
        self._start()

    def close(self) -> None:
        for worker in (*self._idle, *self._beginning.values()):
            self._ray.kill(worker)
        CONNECTION.leave()


def _reason(error: Exception) -> str:
    """Format Ray's reason for a lost worker in one line: its last line has the original error."""
    first, *others = COLOURS.sub("", str(error)).splitlines() or [""]
    return others[-1] if others and "creation task" in first else first
