"""A stage's work in a child process, so that somebody is left to explain a death it cannot explain itself.

Out of memory, the kernel kills a process, or a native library aborts it: no exception reaches Python. The
parent, which has imported nothing large, says what happened.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from types import FrameType

from evobuild.core.errors import UserError
from evobuild.process import memory
from evobuild.process.command_line import KEPT, say_error

LEAST_ADDRESS_SPACE = 3 * memory.GIB
"""Of `ulimit -v`. Libraries reserve more than they use: seed on 52,002 rows aborts at 2 GB and runs at 3."""
OUT_OF_MEMORY = (signal.SIGKILL, signal.SIGABRT)
CRASHES = (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)
FORWARDED = (signal.SIGTERM, signal.SIGHUP)


def supervise(name: str) -> int | None:
    """Fork: return None in the child, and in the parent, once the child has ended, its exit code.

    A child that is ended by the signal of a crash or of a full memory exits 1 with a line that says so. Any
    other signal ends the parent, too. Both die with whoever started the parent.
    """
    available = memory.available_bytes()
    parent = os.getpid()
    child = os.fork()
    if not child:
        die_with_parent(parent)
        return None
    # A Ctrl-C reaches the child by itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def forward(number: int, frame: FrameType | None) -> None:
        os.kill(child, number)

    for number in FORWARDED:
        signal.signal(number, forward)
    _, status, usage = os.wait4(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return code
    if -code not in (*OUT_OF_MEMORY, *CRASHES):
        signal.signal(-code, signal.SIG_DFL)
        os.kill(parent, -code)
    say_error(name, explain_death(-code, memory.peak_bytes(usage), available))
    return 1


def explain_death(number: int, peak: int, available: int | None) -> str:
    """Explain which signal ended a stage. peak: bytes it used. available: bytes free when it started."""
    ended = f"ended by {signal.Signals(number).name} after using {memory.format_bytes(peak)} of memory"
    if available is not None:
        ended += f"; {memory.format_bytes(available)} were free when it started"
    if number in CRASHES:
        return f"{ended}. A native library crashed.\n{KEPT}; if it crashes again, report it with this line"
    return f"{ended}. Most likely memory was full.\n{KEPT} with more memory, or on fewer rows"


def check_address_space() -> None:
    """Raise UserError if `ulimit -v` allows too little for any stage: libraries would hang or abort."""
    limit = memory.address_space_limit()
    if limit is not None and limit < LEAST_ADDRESS_SPACE:
        raise UserError(
            f"`ulimit -v` allows {memory.format_bytes(limit)} of address space; "
            f"a stage needs at least {memory.format_bytes(LEAST_ADDRESS_SPACE)}, most of it only reserved"
        )


def die_with_parent(parent: int | None = None) -> None:
    """Have the kernel kill this process when its parent dies (Linux; elsewhere nothing is done).

    parent: its process id; None: whoever it is now.
    """
    if not sys.platform.startswith("linux"):
        return
    parent = os.getppid() if parent is None else parent
    pr_set_pdeathsig = 1
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
