"""What a sandbox is made of on this machine: bubblewrap, else Landlock; else nothing, and that is refused.

bubblewrap   namespaces of its own, a root of the interpreter alone, seccomp, limits
landlock     no namespaces (as in a container): Landlock for files, seccomp, limits
none         seccomp where there is any, limits; only if Limits.allow_weaker_isolation says so

Started by root, the code runs as `nobody` if that user can read the interpreter, else as a user
without any capability. Landlock hides what is in files; whether a path exists it does not hide.
"""

from __future__ import annotations

import contextlib
import fcntl
import inspect
import marshal
import math
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal, TypedDict

from evobuild.core.errors import UserError
from evobuild.sandbox import syscalls
from evobuild.sandbox.inside import confine, examiner, lines, runner, steady, values
from evobuild.sandbox.interpreter import HIDDEN, SWITCHES, sandbox_interpreter
from evobuild.sandbox.params import Limits

if TYPE_CHECKING:
    Task = runner.Task | examiner.Task

Name = Literal["bubblewrap", "landlock", "none"]
Main = Literal["runner", "examiner"]
NOBODY = 65534
FIRST = 1
"""Number of the process that watches, among those in bubblewrap."""

LATE = 60
"""Seconds of CPU time beyond the wall clock's limit: only if the parent is so late to end a process."""

BOOT = """
import builtins, marshal, sys
parts, main, place = marshal.load(sys.stdin.buffer)
for name, code in parts:
    module = sys.modules[name] = type(sys)(name)
    # Builtins of its own: what the code does to the others is not seen here.
    module.__dict__["__builtins__"] = {**vars(builtins)}
    exec(code, module.__dict__)
sys.modules[main].main(place)
"""
"""What the interpreter inside is started with; all else comes on its standard input."""


class User(TypedDict, total=False):
    """The user that a process runs as; empty: its parent's."""

    user: int
    group: int
    extra_groups: tuple[int, ...]


@dataclass(frozen=True)
class Isolation:
    """A way to start a process shut in. drop: as `nobody`, for a parent that is root."""

    name: Name
    drop: bool = False

    def __str__(self) -> str:
        return f"{self.name} as nobody" if self.drop else self.name

    def start(
        self,
        main: Literal["runner", "examiner"],
        task: Task,
        limits: Limits,
        answers: int,
        keep: Sequence[int] = (),
    ) -> subprocess.Popen[bytes]:
        """Start a module of `inside` in a process group of its own.

        task: what its `main` gets; it is marshalled. answers: the descriptor that becomes its standard
        output. keep: further descriptors that it shall have, under the same numbers.
        """
        lock = self._lock()
        place: runner.Place = {
            "watched": self.name == "bubblewrap",
            "memory": limits.memory * 2**20,
            "seconds": math.ceil(limits.seconds) + LATE,
            "strictly": self.name != "none",
            "lock": lock,
        }
        parts = _parts(main)
        payload = marshal.dumps((parts, parts[-1][0], place)) + marshal.dumps(task)  # type: ignore[arg-type]
        command = [str(sandbox_interpreter().executable), *SWITCHES, "-c", BOOT]
        kept = [*keep, *([lock[0]] if lock and lock[0] is not None else [])]
        with contextlib.ExitStack() as stack:
            if self.name == "bubblewrap":
                command = [*bubblewrap_command(), "--", *command]
            return self._process(command, stack.enter_context(_seal(payload)), answers, kept)

    def _process(
        self, command: list[str], stdin: int, stdout: int, kept: list[int]
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.DEVNULL,
            # bubblewrap itself is to load no library but the system's.
            env={} if self.name == "bubblewrap" else sandbox_interpreter().environment(),
            cwd="/",
            pass_fds=kept,
            process_group=0,
            **self.user(),
        )

    def user(self) -> User:
        """Give what `subprocess` has to be told about the user."""
        return {"user": NOBODY, "group": NOBODY, "extra_groups": ()} if self.drop else {}

    def _lock(self) -> tuple[int | None, bytes, int]:
        return (
            _ruleset() if self.name == "landlock" else None,
            syscalls.seccomp_filter(),
            FIRST if self.name == "bubblewrap" else os.getpid(),
        )


@cache
def _parts(main: Main) -> list[tuple[str, object]]:
    """Return the code that runs inside, in order of use: the module with `main` last."""
    modules = [values, confine, steady, runner, *([lines, examiner] if main == "examiner" else [])]
    return [
        (module.__name__, compile(inspect.getsource(module), f"{module.__name__}.py", "exec"))
        for module in modules
    ]


@contextlib.contextmanager
def _seal(data: bytes) -> Iterator[int]:
    """Return a descriptor to read data from, which no holder can change."""
    descriptor = os.memfd_create("sandbox", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(data)
        os.lseek(descriptor, 0, os.SEEK_SET)
        seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
        yield descriptor
    finally:
        os.close(descriptor)


@cache
def bubblewrap_command() -> tuple[str, ...]:
    """Build the command that creates the namespaces and the root; append the program to run."""
    path = shutil.which("bwrap")
    if path is None:
        raise UserError("bubblewrap is not installed")
    python = sandbox_interpreter()
    files = [(python.executable, python.executable), *python.libraries]
    library = str(python.standard_library)
    options = ["user", "ipc", "pid", "net", "uts", "cgroup-try"]
    command = [path, *(f"--unshare-{option}" for option in options), "--disable-userns", "--die-with-parent"]
    command += ["--as-pid-1", "--cap-drop", "ALL", "--uid", str(NOBODY), "--gid", str(NOBODY)]
    command += ["--hostname", "sandbox"]
    for variable, value in python.environment().items():
        command += ["--setenv", variable, value]
    # Mount /tmp first: a Python below it has to stay visible.
    command += ["--size", "65536", "--tmpfs", "/tmp", "--chdir", "/tmp", "--ro-bind", library, library]
    for name in HIDDEN:
        if (folder := python.standard_library / name).exists():
            command += ["--size", "4096", "--tmpfs", str(folder), "--remount-ro", str(folder)]
    for wanted, file in files:
        command += ["--ro-bind", str(file), str(wanted)]
    return (*command, "--remount-ro", "/")


@cache
def _ruleset() -> int:
    """Return a descriptor of Landlock rules: only reading the standard library and its libraries.

    A process that takes the rules on is bound by a copy of them; none ever gets to change this one.
    """
    import ctypes

    import landlock
    from landlock.plumbing import FSAccess

    ctypes.set_errno(0)  # The package takes an error that is left from some earlier call for its own.
    python = sandbox_interpreter()
    rules = landlock.Ruleset(FSAccess.all())
    rules.allow(python.standard_library, rules=FSAccess.READ_DIR)
    for entry in sorted(python.standard_library.iterdir()):
        if entry.is_dir() and entry.name not in HIDDEN:
            rules.allow(entry, rules=FSAccess.READ_FILE | FSAccess.READ_DIR)
        elif entry.is_file():
            rules.allow(entry, rules=FSAccess.READ_FILE)
    for _, file in python.libraries:
        rules.allow(file, rules=FSAccess.READ_FILE)
    descriptor: int = rules._fd
    return descriptor
