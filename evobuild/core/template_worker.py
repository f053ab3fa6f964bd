"""The process that renders templates for `template_process`: requests on its input, answers on its output.

A request is a pickled (function, arguments, bounds). An answer is a head, HEAD, and its text: what was
rendered, which bound was exceeded, or as JSON what the function raised. Where CPU time is exceeded, this
process ends without an answer.
"""

from __future__ import annotations

import contextlib
import json
import pickle
import resource
import signal
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import TemplateError

from evobuild.core.errors import UserError
from evobuild.core.template_bounds import REFUSALS, TooMuch

if TYPE_CHECKING:
    from collections.abc import Callable

    from evobuild.core.template_bounds import Bounds

HEAD = struct.Struct("<cQ")
"""The outcome, and the bytes of the text."""
RENDERED, TOO_MUCH, REFUSED = b"t", b"m", b"r"
MOST_OF_ERROR = 10_000
"""Characters of what an exception says, as it may quote what a template made."""


def main() -> None:
    """Answer all requests."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    while True:
        try:
            function, arguments, bounds = pickle.load(requests)
        except EOFError:
            return
        outcome, text = _answer(function, arguments, bounds)
        data = text.encode("utf-8", "surrogatepass")
        answers.write(HEAD.pack(outcome, len(data)))
        answers.write(data)
        answers.flush()


def _answer(function: Callable[..., str], arguments: tuple[object, ...], bounds: Bounds) -> tuple[bytes, str]:
    try:
        with _bounded(bounds):
            text = function(*arguments)
    except MemoryError:
        return TOO_MUCH, f"takes more than {bounds.memory >> 20:,} MB"
    except TooMuch as error:
        return TOO_MUCH, str(error)
    except (*REFUSALS, UserError) as error:
        kind = type(error) if not isinstance(error, TemplateError) else TemplateError
        text = getattr(error, "message", None) or str(error)
        return REFUSED, json.dumps([kind.__name__, text[:MOST_OF_ERROR], getattr(error, "lineno", 0)])
    if len(text) > bounds.characters:
        return TOO_MUCH, f"makes {len(text):,} characters"
    return RENDERED, text


@contextlib.contextmanager
def _bounded(bounds: Bounds) -> Iterator[None]:
    """Bound CPU time by a signal that ends this process, and on Linux memory by its address space."""
    _limit_memory(bounds.memory)
    signal.setitimer(signal.ITIMER_PROF, bounds.seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _limit_memory(more: int) -> None:
    """Limit the bytes that this process may allocate on top of what it has."""
    if sys.platform.startswith("linux"):
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        limits = [taken + more, *([hard] if hard != resource.RLIM_INFINITY else [])]
        resource.setrlimit(resource.RLIMIT_AS, (min(limits), hard))


if __name__ == "__main__":
    main()
