"""The system calls that computing in Python needs; every other is refused with EPERM.

Nothing that makes a process or a thread, opens a socket, sends a signal, changes a file, its mode or
its times, mounts, traces, loads, or keeps memory outside of the address space (memfd, shared memory,
pipes made larger, key rings, io_uring). Files can be opened only to be read; what can be read is not
decided here. The filter is a program for the kernel, made by libseccomp through pyseccomp.
"""

from __future__ import annotations

import contextlib
import errno
import tempfile
from functools import cache

from evobuild.core.errors import UserError

ALWAYS = """
access arch_prctl brk clock_getres clock_gettime clock_nanosleep close close_range dup dup2 dup3 exit
exit_group faccessat faccessat2 fadvise64 fstat fstatfs futex getcwd getdents getdents64 getegid geteuid
getgid getgroups getitimer getpgid getpgrp getpid getppid getrandom getresgid getresuid getrlimit
getrusage getsid gettid gettimeofday getuid lseek lstat madvise membarrier mmap mprotect mremap munmap
nanosleep newfstatat pause pipe pipe2 poll ppoll pread64 preadv pselect6 read readlink readlinkat readv
restart_syscall rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigreturn rt_sigsuspend rt_sigtimedwait
sched_getaffinity sched_yield select set_robust_list set_tid_address setitimer alarm sigaltstack stat
statfs statx sysinfo time times umask uname write writev
"""

READ_ONLY_FLAGS = 0o3 | 0o100 | 0o1000 | 0o20000
"""Of open: the access mode, O_CREAT, O_TRUNC and O_ASYNC; all must be zero. Linux, x86-64 and aarch64."""

FCNTL = (0, 1, 2, 3, 1030)
"""F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC. Not F_SETOWN: it can have the kernel send a signal."""

IOCTL = (0x5401, 0x5450, 0x5451)
"""TCGETS (isatty), FIONCLEX, FIOCLEX."""


@cache
def seccomp_filter() -> bytes:
    """Give the filter as the kernel takes it.

    Raises UserError if libseccomp is not on this machine.
    """
    try:
        import pyseccomp
    except (ImportError, OSError, RuntimeError) as error:
        raise UserError(
            "libseccomp is not installed, which the sandbox needs; "
            "install it with: apt-get install libseccomp2, or dnf install libseccomp"
        ) from error
    allow, argument = pyseccomp.ALLOW, pyseccomp.Arg
    read_only = [argument(place, pyseccomp.MASKED_EQ, READ_ONLY_FLAGS, 0) for place in (1, 2)]
    rules: list[tuple[str, list[pyseccomp.Arg]]] = [(name, []) for name in ALWAYS.split()]
    rules += [("open", [read_only[0]]), ("openat", [read_only[1]])]
    rules += [("fcntl", [argument(1, pyseccomp.EQ, command)]) for command in FCNTL]
    rules += [("ioctl", [argument(1, pyseccomp.EQ, command)]) for command in IOCTL]
    rules += [("prlimit64", [argument(0, pyseccomp.EQ, 0)])]  # only one's own limits
    made = pyseccomp.SyscallFilter(pyseccomp.ERRNO(errno.EPERM))
    # The C library asks for clone3 and openat2 first and does without where they are unknown.
    for name in ("clone3", "openat2"):
        with contextlib.suppress(OSError, ValueError):
            made.add_rule(pyseccomp.ERRNO(errno.ENOSYS), name)
    for name, arguments in rules:
        with contextlib.suppress(OSError):  # A call that this machine or libseccomp has not.
            made.add_rule(allow, name, *arguments)
    with tempfile.TemporaryFile() as file:
        made.export_bpf(file)
        file.seek(0)
        return file.read()
