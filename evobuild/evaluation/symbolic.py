"""Whether two texts hold equal mathematics, by math-verify, in processes that may be killed.

Parsers of mathematics meet towers of powers and a thousand brackets in what models write: some of it would
compute for days, or crash an interpreter. So each comparison runs in a process with bounded memory, and one
that is not over in time, or that takes its process with it, is given up, and that is said.

A process reads a JSON array a line, [[reference, …], reply], and writes `true`, `false` or `null` for each.
"""

from __future__ import annotations

import json
import os
import queue
import resource
import select
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from evobuild.core.errors import UserError, require

MOST_CHARACTERS = 10_000
"""Of a text, its last: an answer stands at the end, and what parses it searches for a long time."""
MEMORY = 2 << 30
"""Bytes of address space of one process."""
STARTING = 120.0
"""Seconds for a process to be ready: it imports sympy."""
ALARM = 5
"""Seconds after which math-verify gives up a text, or a comparison, by itself: its own default."""
PAIRS = 64
"""Comparisons that are worth one more process."""


class Pair(NamedTuple):
    """What is compared. references: readings of the right answer, one of which is enough."""

    references: tuple[str, ...]
    reply: str


def compare_all(pairs: Sequence[Pair], seconds: float) -> list[bool | None]:
    """Say of each pair whether it is equal, in their order; None if that was given up.

    seconds: of the wall clock for one comparison.

    Raises MissingExtra without math-verify, UserError if no process starts.
    """
    require("math_verify", "eval")
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
        """Say whether a pair is equal; None if the process crashed, or was killed after its time."""
        process = self._process or self._start()
        asked = [[text[-MOST_CHARACTERS:] for text in pair.references], pair.reply[-MOST_CHARACTERS:]]
        try:
            _stream(process.stdin).write(json.dumps(asked).encode() + b"\n")
            _stream(process.stdin).flush()
            line = _line(process, self._seconds)
        except BrokenPipeError:
            line = b""
        if not line:
            self._stop()
        return {b"true\n": True, b"false\n": False}.get(line)

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", f"from {__name__} import serve; serve()"]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        if _line(self._process, STARTING) != b"ready\n":
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


def _line(process: subprocess.Popen[bytes], seconds: float) -> bytes:
    """The next line of a process, b"" if it ends or its time is over. It writes whole lines."""
    stream = _stream(process.stdout)
    return stream.readline() if select.select([stream], [], [], seconds)[0] else b""


def serve() -> None:
    """Compare what comes in, in the process of its own, until nothing more comes."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    # What a parser prints is no answer.
    with os.fdopen(os.dup(1), "w") as out:
        os.dup2(2, 1)
        equal = _equality()
        print("ready", file=out, flush=True)
        for line in sys.stdin:
            references, reply = json.loads(line)
            print(json.dumps(equal(references, reply)), file=out, flush=True)


def _equality() -> Callable[[list[str], str], bool | None]:
    """Give the comparison by math-verify; it gives None where one of its alarms went off."""
    import logging

    from math_verify import parse, verify

    logging.disable()

    def equal(references: list[str], reply: str) -> bool | None:
        began = time.monotonic()
        given = parse(reply, parsing_timeout=ALARM)
        golds = (parse(reference, parsing_timeout=ALARM) for reference in references)
        if given and any(verify(gold, given, timeout_seconds=ALARM) for gold in golds):
            return True
        return None if time.monotonic() - began >= ALARM else False

    return equal
