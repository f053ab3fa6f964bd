"""Decide whether two texts hold equal mathematics, by math-verify, in processes that can be killed.

Models write towers of powers and a thousand brackets: parsing them can take days or crash the interpreter. So
each comparison runs in a process with bounded memory and CPU time; CPU time, because it does not depend on
the machine's load. A comparison that exceeds a bound or crashes is retried once, alone, after all others.
Then it is given up and logged.

A process reads one JSON array per line, [[reference, …], reply], and writes `true`, `false` or `null` for
each.
"""

from __future__ import annotations

import json
import os
import queue
import resource
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple, TypeVar

from evobuild.core.errors import UserError, require
from evobuild.process.terminal import log

T = TypeVar("T")

MOST_CHARACTERS = 10_000
"""Maximum characters of a text, its last ones: an answer ends the text, and parsers search long texts slowly.
"""
MEMORY = 2 << 30
"""Maximum address space of one process, in bytes."""
HANGING = 600.0
"""Seconds of wall time without output after which a process is given up, even if it uses no CPU."""
PAIRS = 64
"""Comparisons per process below which starting one more does not pay."""


class MathPair(NamedTuple):
    """One comparison. references: readings of the right answer; equality with one suffices."""

    references: tuple[str, ...]
    reply: str


def compare_math(pairs: Sequence[MathPair], seconds: float) -> list[bool | None]:
    """Return for each pair, in order, whether it is equal; None if the comparison was given up.

    Args:
        seconds: maximum CPU time of one comparison.

    Raises:
        MissingExtra: math-verify is not installed.
        UserError: no process starts.
    """
    require("math_verify", "eval")
    found = _compare_in_parallel(pairs, seconds)
    left = [place for place, equal in enumerate(found) if equal is None]
    if left:
        with Comparer(seconds) as comparer:
            for place in left:
                found[place] = comparer.compare(pairs[place])
        given_up = sum(found[place] is None for place in left)
        log(
            f"math-verify: {len(left):,} of {len(pairs):,} comparisons took too long or crashed; "
            f"retried alone; {given_up:,} failed again and count as wrong"
        )
    return found


def _compare_in_parallel(pairs: Sequence[MathPair], seconds: float) -> list[bool | None]:
    found: list[bool | None] = [None] * len(pairs)
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for place in range(len(pairs)):
        waiting.put(place)

    def work(_: int) -> None:
        with Comparer(seconds) as comparer:
            while True:
                try:
                    place = waiting.get_nowait()
                except queue.Empty:
                    return
                found[place] = comparer.compare(pairs[place])

    processes = min(len(os.sched_getaffinity(0)), 1 + len(pairs) // PAIRS)
    with ThreadPoolExecutor(processes) as threads:
        list(threads.map(work, range(processes)))
    return found


class Comparer:
    """One process that compares; started on demand, and restarted after it was killed."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Comparer:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def compare(self, pair: MathPair) -> bool | None:
        """Return whether a pair is equal; None if the process crashed or exceeded its CPU time."""
        process = self._process or self._start()
        asked = [[text[-MOST_CHARACTERS:] for text in pair.references], pair.reply[-MOST_CHARACTERS:]]
        try:
            _require_pipe(process.stdin).write(json.dumps(asked).encode() + b"\n")
            _require_pipe(process.stdin).flush()
            line = _read_line(process)
        except BrokenPipeError:
            line = b""
        if not line:
            self._stop()
        return {b"true\n": True, b"false\n": False}.get(line)

    def _start(self) -> subprocess.Popen[bytes]:
        command = [
            sys.executable,
            "-c",
            f"from {__name__} import serve_comparisons; serve_comparisons({self._seconds})",
        ]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        if _read_line(self._process) != b"ready\n":
            self._stop()
            raise UserError(
                "cannot start a process for math-verify; check that the machine has 2 GiB of free memory"
            )
        return self._process

    def _stop(self) -> None:
        if self._process:
            self._process.kill()
            # communicate() closes the pipes and waits, so that no zombie stays.
            self._process.communicate()
            self._process = None


def _require_pipe(stream: Any) -> Any:
    """Narrow the type of a pipe: Popen types it as optional, but it was opened."""
    assert stream is not None
    return stream


def _read_line(process: subprocess.Popen[bytes]) -> bytes:
    """Read the next line of a process, b"" if it ends or hangs. It writes whole lines only."""
    stream = _require_pipe(process.stdout)
    return stream.readline() if select.select([stream], [], [], HANGING)[0] else b""


def serve_comparisons(seconds: float) -> None:
    """Compare pairs from stdin until it closes; the main loop of the process.

    Args:
        seconds: CPU time of one comparison, after which a signal ends the process.
    """
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    # A parser may print: send its output to stderr, and keep the real stdout for answers.
    with os.fdopen(os.dup(1), "w") as out:
        os.dup2(2, 1)
        equal = _build_comparison()
        print("ready", file=out, flush=True)
        for line in sys.stdin:
            references, reply = json.loads(line)
            # SIGPROF has no handler, so it kills the process: Python runs handlers between bytecodes, and the
            # power of two huge numbers is one bytecode.
            signal.setitimer(signal.ITIMER_PROF, seconds)
            equal_or_not = equal(references, reply)
            signal.setitimer(signal.ITIMER_PROF, 0)
            print(json.dumps(equal_or_not), file=out, flush=True)


def _build_comparison() -> Callable[[list[str], str], bool | None]:
    """Build the comparison by math-verify; it returns None if a step of it timed out."""
    import logging

    from math_verify import grader, parse, parser, verify
    from math_verify.errors import TimeoutException

    logging.disable()
    given_up = []

    def give_up(*_: object) -> None:
        given_up.append(True)
        raise TimeoutException

    def bound_time(timeout_seconds: int) -> Callable[[Callable[..., T]], Callable[..., T]]:
        return partial(partial, _call_with_timer, timeout_seconds)

    # math-verify limits each step by wall time, which would make results depend on the machine's load.
    parser.timeout = grader.timeout = bound_time
    signal.signal(signal.SIGVTALRM, give_up)

    def equal(references: list[str], reply: str) -> bool | None:
        given_up.clear()
        given = parse(reply)
        if given and any(verify(parse(reference), given) for reference in references):
            return True
        return None if given_up else False

    return equal


def _call_with_timer(seconds: int, call: Callable[..., T], *arguments: Any, **options: Any) -> T:
    """Call a function, with a signal after this many seconds of CPU time."""
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        return call(*arguments, **options)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
