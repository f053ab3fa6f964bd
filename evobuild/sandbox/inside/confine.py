"""Give up, in this process and for good, what the code to come must not have.

Only the kernel's own means: limits of resources, Landlock for files, seccomp for system calls.
"""

from __future__ import annotations

import posix
import resource

LANDLOCK_RESTRICT_SELF = 446
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38
SECCOMP_MODE_FILTER = 2
CAPSET = {"x86_64": 126, "aarch64": 91}
CAPABILITIES_VERSION_3 = 0x20080522
SIGKILL = 9

STATUS = b"%04x"
"""How a process ended: its status as from wait(2)."""


def leave_watch(out: int) -> None:
    """Go on in a child. This process stays to write, last of all to `out`, how that child ended.

    For bubblewrap, which gives a signal on as an exit status that a process may as well choose. Only what
    is before the code of a model is in this process, and that child can reach no other.
    """
    child = posix.fork()
    if child:
        _, status = posix.waitpid(child, 0)
        posix.write(out, STATUS % status)
        posix._exit(0)


def limit_resources(memory: int, seconds: int, strictly: bool) -> None:
    """Set hard limits: memory in bytes, CPU time, and no file written, no core dumped.

    strictly: a limit that this system has not is an error, not left out.
    """
    limits = {"AS": memory, "CPU": seconds, "FSIZE": 0, "CORE": 0, "NOFILE": 64, "NPROC": 0}
    for name, most in limits.items():
        try:
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, most))
        except (AttributeError, OSError, ValueError):
            if strictly:
                raise


def lock_process(ruleset: int | None, program: bytes, parent: int) -> None:
    """Shut this process in: no privileges, no life beyond its parent's, no files, few system calls.

    ruleset: descriptor of a Landlock ruleset, or None; it is closed. program: a seccomp filter. parent:
    number of the process that must still be this one's parent.
    """
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)

    def call(function: object, *words: object) -> None:
        if function(*(ctypes.c_long(w) if isinstance(w, int) else w for w in words)) != 0:  # type: ignore[operator]
            raise OSError(ctypes.get_errno(), f"cannot confine: {words[0]}")

    call(libc.prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
    if posix.getppid() != parent:
        posix._exit(1)
    header = (ctypes.c_uint32 * 2)(CAPABILITIES_VERSION_3, 0)
    call(libc.syscall, CAPSET[posix.uname().machine], header, (ctypes.c_uint32 * 6)())
    call(libc.prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    # Where a program takes core dumps, the limit of their size does not count.
    call(libc.prctl, PR_SET_DUMPABLE, 0, 0, 0, 0)
    if ruleset is not None:
        call(libc.syscall, LANDLOCK_RESTRICT_SELF, ruleset, 0)
        posix.close(ruleset)

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))

    filter_ = Program(len(program) // 8, program)
    call(libc.prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(filter_), 0, 0)
