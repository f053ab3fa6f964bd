"""Which isolation this machine offers: the first that is seen to work, tried once with an empty program."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from functools import cache
from typing import TYPE_CHECKING

from evobuild.core.errors import UserError
from evobuild.sandbox.interpreter import sandbox_interpreter
from evobuild.sandbox.isolation import Isolation, bubblewrap_command
from evobuild.sandbox.params import Limits

if TYPE_CHECKING:
    from evobuild.sandbox.inside.runner import Task

TRIAL = Limits(seconds=30, memory=256, output=1024, modules=None, allow_weaker_isolation=False)
EMPTY: Task = {"program": "", "function": None, "modules": None, "cases": [], "calls": None}
READY = b'["ready"]\n["loaded"]\n'


def best_isolation(limits: Limits) -> Isolation:
    """Give the best isolation of this machine.

    Raises UserError, saying what to install or to switch off, if there is none and a weaker one is
    not allowed.
    """
    if sys.platform != "linux":
        raise UserError(
            "no sandbox for code that a model wrote: it needs Linux, and this is "
            f"{platform.system()}\nrun the project in a Linux container, or switch off what needs the sandbox"
        )
    works, reasons = try_isolations()
    if works:
        return works[0]
    if limits.allow_weaker_isolation:
        return Isolation("none")
    raise UserError(
        f"no sandbox for code that a model wrote: {'; '.join(reasons)}\n"
        "install bubblewrap 0.8 or later (apt-get install bubblewrap libseccomp2) on a Linux that allows "
        "user namespaces or has Landlock, or switch off what needs it; sandbox.allow_weaker_isolation, "
        "of commands --allow-weaker-isolation, runs that code as an ordinary process"
    )


def usable_isolations() -> tuple[Isolation, ...]:
    """Give every isolation that works here, the best first."""
    return try_isolations()[0]


@cache
def try_isolations() -> tuple[tuple[Isolation, ...], tuple[str, ...]]:
    """Start an empty program in every isolation: those that work here, and why others do not."""
    works, reasons = [], []
    for name in ("bubblewrap", "landlock"):
        for drop in (True, False) if os.geteuid() == 0 else (False,):
            isolation = Isolation(name, drop)
            if reason := _reason(isolation):
                reasons.append(f"{name}: {reason}")
            else:
                works.append(isolation)
    return tuple(works), tuple(dict.fromkeys(reasons))


def _reason(isolation: Isolation) -> str | None:
    """Why an isolation does not work here, or None if it does."""
    read, write = os.pipe()
    try:
        with os.fdopen(read, "rb") as answers:
            try:
                process = isolation.start("runner", EMPTY, TRIAL, write)
            finally:
                os.close(write)
            found = answers.read(1024)
            process.kill()
            process.wait()
    except (UserError, OSError, RuntimeError) as error:
        return str(error).splitlines()[0]
    if found.startswith(READY):
        return None
    return _said(isolation) or "a process does not start in it"


def _said(isolation: Isolation) -> str:
    """What bubblewrap says when it is asked for the same without the project's code."""
    if isolation.name != "bubblewrap":
        return ""
    command = [*bubblewrap_command(), "--", str(sandbox_interpreter().executable), "--version"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=30, cwd="/", **isolation.user())
    return told.stderr.strip().partition("\n")[0].removeprefix("bwrap: ")
