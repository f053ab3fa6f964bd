"""Whether two texts hold equal mathematics, by math-verify, in processes that may be killed.

Parsers of mathematics meet towers of powers and a thousand brackets in what models write: some of it would
compute for days, or crash an interpreter. So each comparison runs in a process with bounded memory and a
bounded time of computing, whatever else the machine computes. One that exceeds it, or that takes its process
with it, is tried once more when all others are done, alone; then it is given up, and that is logged.

A process reads a JSON array a line, [[reference, …], reply], and writes `true`, `false` or `null` for each.
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
"""Of a text, its last: an answer stands at the end, and what parses it searches for a long time."""
MEMORY = 2 << 30
"""Bytes of address space of one process."""
HANGING = 600.0
"""Seconds of the clock after which a process that does not compute is given up, ready or not."""
PAIRS = 64
"""Comparisons that are worth one more process."""


class Pair(NamedTuple):
    """What is compared. references: readings of the right answer, one of which is enough."""

    references: tuple[str, ...]
    reply: str


def compare_all(pairs: Sequence[Pair], seconds: float) -> list[bool | None]:
    """Say of each pair whether it is equal, in their order; None if that was given up.

    seconds: of computing, for one comparison.

    Raises MissingExtra without math-verify, UserError if no process starts.
    """
    require("math_verify", "eval")
    found = _compare_side_by_side(pairs, seconds)
    left = [place for place, equal in enumerate(found) if equal is None]
    if left:
        with Comparer(seconds) as comparer:
            for place in left:
                found[place] = comparer.compare(pairs[place])
        given_up = sum(found[place] is None for place in left)
        log(
            f"math-verify: {len(left):,} of {len(pairs):,} comparisons took too long or crashed; "
            f"tried again alone, {given_up:,} did so once more and count as wrong"
        )
    return found


def _compare_side_by_side(pairs: Sequence[Pair], seconds: float) -> list[bool | None]:
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
    """One process that compares; it is started when it is needed, and again after it was killed."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Comparer:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def compare(self, pair: Pair) -> bool | None:
        """Say whether a pair is equal; None if the process crashed, or its time of computing was over."""
        process = self._process or self._start()
        asked = [[text[-MOST_CHARACTERS:] for text in pair.references], pair.reply[-MOST_CHARACTERS:]]
        try:
            _stream(process.stdin).write(json.dumps(asked).encode() + b"\n")
            _stream(process.stdin).flush()
            line = _line(process)
        except BrokenPipeError:
            line = b""
        if not line:
            self._stop()
        return {b"true\n": True, b"false\n": False}.get(line)

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", f"from {__name__} import serve; serve({self._seconds})"]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        if _line(self._process) != b"ready\n":
            self._stop()
            raise UserError(
                "math-verify does not start in a process of its own; is the machine out of memory?"
            )
        return self._process

    def _stop(self) -> None:
        if self._process:
            self._process.kill()
            # Closes the pipes and waits.
            self._process.communicate()
            self._process = None


def _stream(stream: Any) -> Any:
    """A pipe of a process, which has all that it was started with."""
    assert stream is not None
    return stream


def _line(process: subprocess.Popen[bytes]) -> bytes:
    """The next line of a process, b"" if it ends or hangs. It writes whole lines."""
    stream = _stream(process.stdout)
    return stream.readline() if select.select([stream], [], [], HANGING)[0] else b""


def serve(seconds: float) -> None:
    """Compare what comes in, in the process of its own, until nothing more comes.

    seconds: of computing for one comparison, after which the system ends the process.
    """
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    # What a parser prints is no answer.
    with os.fdopen(os.dup(1), "w") as out:
        os.dup2(2, 1)
        equal = _equality()
        print("ready", file=out, flush=True)
        for line in sys.stdin:
            references, reply = json.loads(line)
            # Nothing handles its signal, so that it ends what no handler could: a power of huge numbers.
            signal.setitimer(signal.ITIMER_PROF, seconds)
            equal_or_not = equal(references, reply)
            signal.setitimer(signal.ITIMER_PROF, 0)
            print(json.dumps(equal_or_not), file=out, flush=True)


def _equality() -> Callable[[list[str], str], bool | None]:
    """Give the comparison by math-verify; it gives None where a step of it was given up."""
    import logging

    from math_verify import grader, parse, parser, verify
    from math_verify.errors import TimeoutException

    logging.disable()
    given_up = []

    def give_up(*_: object) -> None:
        given_up.append(True)
        raise TimeoutException

    def bounded(timeout_seconds: int) -> Callable[[Callable[..., T]], Callable[..., T]]:
        return partial(partial, _timed, timeout_seconds)

    # The library bounds each step by seconds of the clock, of which a busy machine has fewer.
    parser.timeout = grader.timeout = bounded
    signal.signal(signal.SIGVTALRM, give_up)

    def equal(references: list[str], reply: str) -> bool | None:
        given_up.clear()
        given = parse(reply)
        if given and any(verify(parse(reference), given) for reference in references):
            return True
        return None if given_up else False

    return equal


def _timed(seconds: int, call: Callable[..., T], *arguments: Any, **options: Any) -> T:
    """Call a function, with a signal after so many seconds of computing."""
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        return call(*arguments, **options)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
