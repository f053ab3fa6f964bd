"""Render templates that others wrote in a process of its own, in bounded time, memory and length.

Jinja's sandbox decides what a template may touch, not how long it takes: one line can repeat a text, multiply
a number or join a list for ever, and no code of ours runs in between. So the kernel sets the bounds, in a
process that only renders (`template_worker`). It starts with the first template, serves all of this process,
and ends with it.
"""

from __future__ import annotations

import atexit
import json
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import cache
from typing import Any

from evobuild.core.template_bounds import Bounds, Refused, TooMuch
from evobuild.core.template_worker import HEAD, RENDERED, TOO_MUCH


def render_apart(render: Callable[..., str], arguments: tuple[Any, ...], bounds: Bounds) -> str:
    """Call a function that renders in the process for templates; give its text.

    render: of a module, as it and the arguments are pickled.

    Raises TooMuch, and Refused for what the function raises of REFUSALS and as UserError.
    """
    outcome, text = _process(os.getpid()).ask(pickle.dumps((render, arguments, bounds)), bounds)
    if outcome == RENDERED:
        return text
    if outcome == TOO_MUCH:
        raise TooMuch(text)
    raise Refused(*json.loads(text))


class _Process:
    """The process for templates. It is started anew after one that exceeded its bounds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        atexit.register(self._stop, os.getpid())

    def ask(self, request: bytes, bounds: Bounds) -> tuple[bytes, str]:
        """Send a request; give its outcome and text."""
        with self._lock:
            child = self._child = self._child or _started()
            outcome = b""
            try:
                outcome, text = _exchange(child, request)
            except EOFError:
                child.wait()
                return TOO_MUCH, _end_of(child.returncode, bounds)
            finally:
                # Also after an interrupt: what it would still answer is for no later request.
                if outcome in (b"", TOO_MUCH):
                    self._stop(os.getpid())
            return outcome, text

    def _stop(self, owner: int) -> None:
        if self._child and owner == os.getpid():
            self._child.kill()
            # Closes its pipes, too.
            self._child.__exit__(None, None, None)
            self._child = None


@cache
def _process(owner: int) -> _Process:
    """Give the process for templates of the process with this number, which a fork has not."""
    return _Process()


def _started() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "evobuild.core.template_worker"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        process_group=0,
    )


def _exchange(child: subprocess.Popen[bytes], request: bytes) -> tuple[bytes, str]:
    """Send a request and read the answer. Raises EOFError if the process ends before."""
    assert child.stdin and child.stdout, "both are pipes"
    try:
        child.stdin.write(request)
        child.stdin.flush()
    except BrokenPipeError as error:
        raise EOFError from error
    head = child.stdout.read(HEAD.size)
    if len(head) < HEAD.size:
        raise EOFError
    outcome, length = HEAD.unpack(head)
    body = child.stdout.read(length)
    if len(body) < length:
        raise EOFError
    return outcome, body.decode("utf-8", "surrogatepass")


def _end_of(status: int, bounds: Bounds) -> str:
    if status == -signal.SIGPROF:
        return f"takes more than {bounds.seconds:g} s"
    if status < 0:
        return f"takes too much memory or depth: rendering ended with signal {-status}"
    raise RuntimeError(f"the process that renders templates ended with {status}; its error is above")
