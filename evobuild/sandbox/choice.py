"""Which isolation this machine offers: the first that is seen to work, tried once with an empty program."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from evobuild.core.errors import UserError
from evobuild.process.terminal import log
from evobuild.sandbox.channel import open_channel
from evobuild.sandbox.interpreter import sandbox_interpreter
from evobuild.sandbox.isolation import Isolation, Name, bubblewrap_command
from evobuild.sandbox.params import Limits

if TYPE_CHECKING:
    from evobuild.sandbox.inside.runner import Task

TRIAL = Limits(seconds=30, memory=256, output=1024, modules=None, allow_weaker_isolation=False)
EMPTY: Task = {"program": "", "function": None, "modules": None, "cases": [], "calls": None}
NAMES: tuple[Name, ...] = ("bubblewrap", "landlock")
"""Kinds of isolation, the best first."""
READY = b'["ready"]\n["loaded"]\n'


def best_isolation(limits: Limits) -> Isolation:
    """Return the best isolation of this machine.

    Raises UserError, with what to install or to disable, if there is no isolation and a weaker one is
    not allowed.
    """
    if sys.platform != "linux":
        raise UserError(
            "no sandbox for code that a model wrote: it needs Linux, and this is "
            f"{platform.system()}\nrun the project in a Linux container, or switch off what needs the sandbox"
        )
    failed: dict[tuple[str, str], str] = {}
    for isolation, reason in try_isolations():
        if not reason:
            _announce(isolation, _reasons(failed))
            return isolation
        kind = (isolation.name, reason)
        failed[kind] = isolation.name if kind in failed else str(isolation)
    if limits.allow_weaker_isolation:
        _announce(Isolation("none"), _reasons(failed))
        return Isolation("none")
    raise UserError(
        f"no sandbox for code that a model wrote: {_reasons(failed)}\n"
        "install bubblewrap 0.8 or later (apt-get install bubblewrap libseccomp2) on a Linux that allows "
        "user namespaces or has Landlock, or switch off what needs it; sandbox.allow_weaker_isolation, "
        "of commands --allow-weaker-isolation, runs that code as an ordinary process"
    )


def _reasons(failed: Mapping[tuple[str, str], str]) -> str:
    """Format why isolations do not work here. failed: what each is called, by its name and the reason."""
    return "; ".join(f"{called}: {reason}" for (_, reason), called in failed.items())


@cache
def _announce(isolation: Isolation, failed: str) -> None:
    """Log once which isolation is used, and why none of the stronger ones."""
    used = "an ordinary process without isolation" if isolation.name == "none" else str(isolation)
    why = f", the strongest that works here ({failed})" if failed else ""
    log(f"sandbox: model-written code runs in {used}{why}")


def usable_isolations() -> tuple[Isolation, ...]:
    """List every isolation that works here, the best first."""
    return tuple(isolation for isolation, reason in try_isolations() if not reason)


@cache
def try_isolations() -> tuple[tuple[Isolation, str], ...]:
    """Start an empty program in each isolation, the best first; give why it does not work here, or ''"""
    drops = (True, False) if os.geteuid() == 0 else (False,)
    isolations = [Isolation(name, drop) for name in NAMES for drop in drops]
    return tuple((each, _failure(each)) for each in isolations)


def _failure(isolation: Isolation) -> str:
    """Return why an isolation does not work here; '' if it does."""
    read, write = open_channel()
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
        return ""
    return _bubblewrap_error(isolation) or "a process does not start in it"


def _bubblewrap_error(isolation: Isolation) -> str:
    """Return bubblewrap's own error for the same request without the project's code."""
    if isolation.name != "bubblewrap":
        return ""
    command = [*bubblewrap_command(), "--", str(sandbox_interpreter().executable), "--version"]
    try:
        told = subprocess.run(
            command, capture_output=True, text=True, timeout=30, cwd="/", **isolation.user()
        )
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    return told.stderr.strip().partition("\n")[0].removeprefix("bwrap: ")
