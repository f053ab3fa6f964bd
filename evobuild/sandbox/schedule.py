"""Run many sandboxes, a few at once, each to its end or to the end of its time.

A run is one process whose answers are read, and perhaps others that serve it. It ends when that
process ends, when its time is over or when it answers too much; then all of its process groups are
killed and waited for, and nothing of it is left.
"""

from __future__ import annotations

import os
import select
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Generic, TypeVar

from evobuild.core.errors import UserError
from evobuild.sandbox.channel import open_channel
from evobuild.sandbox.params import Limits

Made = TypeVar("Made")
STARTING = 30.0
"""Seconds for a sandbox to be ready; the time of its code begins there."""

READY = b'["ready"]\n'
TRIES = 3
"""Times that a sandbox is started which does not get ready: a machine may be short of memory."""

SURVIVES = 10.0
"""Seconds after which a process that was killed must be gone."""


@dataclass(frozen=True)
class Ending:
    """How a run ended. answers: all that was read.

    over: why it was killed: `time`, `output`, or `garbled` if its channel did what none of ours does.
    status: of the process, as `subprocess` gives it.
    """

    answers: bytes
    over: str | None
    status: int


@dataclass
class Run(Generic[Made]):
    """One run. start: starts its processes, given the descriptor for answers; the first is the one read.

    finish: makes the result of its ending.
    """

    start: Callable[[int], list[subprocess.Popen[bytes]]]
    finish: Callable[[Ending], Made]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    answers: bytearray = field(default_factory=bytearray)
    descriptor: int = -1
    deadline: float = 0.0
    closed: bool = False
    broken: bool = False
    ready: bool = False
    tries: int = 0


def run_all(runs: Iterator[Run[Made]], limits: Limits, at_once: int) -> Iterator[Made]:
    """Yield the result of every run as it ends, in any order.

    Raises UserError if a sandbox does not start; then, and if it is closed, all runs are killed.
    """
    running: list[Run[Made]] = []
    with selectors.DefaultSelector() as selector:
        try:
            while True:
                for run in islice(runs, at_once - len(running)):
                    _start(run, selector)
                    running.append(run)
                if not running:
                    return
                _read(running, selector, limits)
                for run in [run for run in running if _is_over(run, limits)]:
                    ending = _end(run, selector, limits)
                    if run.ready:
                        running.remove(run)
                        yield run.finish(ending)
                    else:
                        _again(run, selector)
        finally:
            for run in running:
                _end(run, selector, limits)


def _start(run: Run[Made], selector: selectors.BaseSelector) -> None:
    run.descriptor, write = open_channel()
    try:
        run.processes = run.start(write)
    finally:
        os.close(write)
    os.set_blocking(run.descriptor, False)
    run.deadline = time.monotonic() + STARTING
    run.closed, run.broken, run.answers = False, False, bytearray()
    selector.register(run.descriptor, selectors.EVENT_READ, run)


def _again(run: Run[Made], selector: selectors.BaseSelector) -> None:
    run.tries += 1
    if run.tries == TRIES:
        raise UserError(
            "the sandbox works on this machine but did not start now; is it out of memory or of processes?"
        )
    _start(run, selector)


def _read(running: list[Run[Made]], selector: selectors.BaseSelector, limits: Limits) -> None:
    """Wait until something happens, and read what there is."""
    now = time.monotonic()
    wait = min(run.deadline for run in running) - now
    # A process that has closed its end is about to be gone.
    if any(run.closed for run in running):
        wait = min(wait, 0.001)
    for key, _ in selector.select(max(wait, 0)):
        run: Run[Made] = key.data
        try:
            data = os.read(run.descriptor, 65536)
        except OSError:
            run.broken = True
            continue
        if not data:
            run.closed = True
            selector.unregister(run.descriptor)
        run.answers += data
        if not run.ready and run.answers.startswith(READY):
            run.ready = True
            run.deadline = time.monotonic() + limits.seconds


def _is_over(run: Run[Made], limits: Limits) -> bool:
    if run.broken or time.monotonic() >= run.deadline or len(run.answers) > limits.output:
        return True
    return run.closed and _has_exited(run.processes[0])


def _has_exited(process: subprocess.Popen[bytes]) -> bool:
    """Return whether a process has ended; it is not waited for, so that its number stays reserved."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _end(run: Run[Made], selector: selectors.BaseSelector, limits: Limits) -> Ending:
    """Kill remaining processes, wait for them, and return how the run ended."""
    over = None
    if run.broken:
        over = "garbled"
    elif len(run.answers) > limits.output:
        over = "output"
    elif not _has_exited(run.processes[0]):
        over = "time"
    statuses = [_kill_all(process) for process in run.processes]
    if not run.closed:
        selector.unregister(run.descriptor)
        _drain(run)
    os.close(run.descriptor)
    return Ending(bytes(run.answers), over, statuses[0])


def _kill_all(process: subprocess.Popen[bytes]) -> int:
    """Kill a process with all its descendants, wait until none is left, and return its status.

    bubblewrap ends by itself once its child, the first process inside, is gone and with it all others.
    Killed before it, it would leave that child for some other process to wait for.
    """
    if not any(_kill_child(process.pid, child) for child in _children(process.pid)):
        os.killpg(process.pid, signal.SIGKILL)
    try:
        return process.wait(SURVIVES)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.wait()


def _children(process: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except OSError:
        return []


def _kill_child(process: int, child: int) -> bool:
    """Kill a child if it is still one: by a descriptor, since its number may be another's by now."""
    try:
        descriptor = os.pidfd_open(child)
    except ProcessLookupError:
        return False
    try:
        if child not in _children(process):
            return False
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    except ProcessLookupError:
        return False
    finally:
        os.close(descriptor)
    return True


def _drain(run: Run[Made]) -> None:
    """Read until no process holds the other end: then all have ended."""
    until = time.monotonic() + SURVIVES
    while (left := until - time.monotonic()) > 0:
        try:
            if select.select([run.descriptor], [], [], left)[0] and not os.read(run.descriptor, 65536):
                return
        except BlockingIOError:
            continue
        except ConnectionError:
            return
    raise RuntimeError("a process in a sandbox lives on after it was killed")
