"""Limits that hold on a busy machine: seconds of a clock that runs slower the more processes share a core.

    with Patience(30).limit("the server"): …                      # a block that must end in time
    patience.until(lambda: file.exists(), 30)                     # wait for what another process does
    patience.run(["dvc", "repro"], 240, cwd=root)                 # subprocess.run
    patience.communicate(process, 180), patience.wait(process)    # of a process that runs already
    patience.scaled(0.3)                                          # for a limit that the program keeps itself

    python tests/support/patience.py 600 pytest tests/browser     # as timeout(1)

On two idle cores a second is a second; with four busy loops beside it a second takes two or three. A test
that passes is not slower for it: only the moment changes at which one that hangs is given up.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

Found = TypeVar("Found")
SECONDS = 60.0
"""For what takes a second or two."""
TICK = 0.02
"""Seconds between two looks."""


def crowd() -> float:
    """How many processes share each core that this one may use: now or over the last minute, at least 1."""
    busy = os.getloadavg()[0]
    with suppress(OSError, ValueError, IndexError):
        # Fourth: those that run or could, and all.
        busy = max(busy, float(Path("/proc/loadavg").read_text().split()[3].partition("/")[0]))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1.0, busy / cores)


def scaled(seconds: float) -> float:
    """Give the seconds by the clock that such a wait may take on this machine now."""
    return seconds * crowd()


class Patience:
    """Time that is left, by the clock that slows down with the machine."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._left = self.seconds = seconds
        self._seen = time.monotonic()

    def is_over(self) -> bool:
        """Whether the time is over. Ask often: what passed since the last time counts as busy as now."""
        now = time.monotonic()
        self._left -= (now - self._seen) / crowd()
        self._seen = now
        return self._left <= 0

    @contextmanager
    def limit(self, what: str) -> Iterator[None]:
        """Fail after a block that took longer; it is not cut off."""
        yield
        assert not self.is_over(), f"{what} took more than {self.seconds:g} s"


def until(condition: Callable[[], Found], seconds: float = SECONDS, every: float = TICK) -> Found:
    """Wait until a condition holds; give its value, also if the time is over and it does not hold."""
    patience = Patience(seconds)
    while not (found := condition()) and not patience.is_over():
        time.sleep(every)
    return found


def wait(process: subprocess.Popen[Any], seconds: float = SECONDS) -> int:
    """As `process.wait`; a process that takes too long is killed. Raises subprocess.TimeoutExpired then."""
    _in_slices(process, seconds, lambda: process.wait(TICK))
    return int(process.returncode)


def communicate(process: subprocess.Popen[Any], seconds: float = SECONDS) -> tuple[Any, Any]:
    """As `process.communicate` without input; a process that takes too long is killed.

    Raises subprocess.TimeoutExpired then.
    """
    found: tuple[Any, Any] = _in_slices(process, seconds, lambda: process.communicate(timeout=TICK))
    return found


def run(command: Sequence[str | Path], seconds: float = SECONDS, **options: Any) -> Any:
    """As `subprocess.run` with both outputs captured as text; a command that takes too long is killed.

    Raises subprocess.TimeoutExpired then.
    """
    given, check = options.pop("input", ""), options.pop("check", False)
    kinds = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    # From a file: input that has not been read by one slice would not be sent in the next.
    with tempfile.TemporaryFile("w+") as file:
        if given:
            file.write(given)
            file.seek(0)
            kinds["stdin"] = file
        with subprocess.Popen(command, **kinds) as process:
            try:
                out, err = communicate(process, seconds)
            except BaseException:
                process.kill()
                raise
    done = subprocess.CompletedProcess(command, process.returncode, out, err)
    if check:
        done.check_returncode()
    return done


def _in_slices(process: subprocess.Popen[Any], seconds: float, step: Callable[[], Any]) -> Any:
    patience = Patience(seconds)
    while True:
        try:
            return step()
        except subprocess.TimeoutExpired as error:
            if patience.is_over():
                process.kill()
                raise subprocess.TimeoutExpired(process.args, seconds) from error


def main(seconds: float, command: Sequence[str]) -> int:
    """Run a command in a process group of its own, as timeout(1) does; 124 if it takes too long."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    process = subprocess.Popen(command, process_group=0)
    try:
        return wait(process, seconds)
    except KeyboardInterrupt:
        os.killpg(process.pid, signal.SIGINT)
        return process.wait()
    except subprocess.TimeoutExpired:
        print(f"{' '.join(command)}: not done in {seconds:g} s", file=sys.stderr)  # noqa: T201
        return 124
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


if __name__ == "__main__":
    raise SystemExit(main(float(sys.argv[1]), sys.argv[2:]))
