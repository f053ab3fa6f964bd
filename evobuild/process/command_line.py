"""How every command begins and ends: streams that may be closed or narrow, errors said in two lines.

Exit codes: 0; 1 after a UserError or a failing disk; 2 if the command line does not fit; 130 if interrupted.
A command whose output nobody reads any more (`… | head`) ends quietly, with 0.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from evobuild.core.errors import UserError
from evobuild.core.suggestions import unknown_name
from evobuild.process import memory
from evobuild.process.full_disk import explain_full_disk, explain_read_only, is_full_disk
from evobuild.process.terminal import log, print_text

QUIET = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "DVC_NO_ANALYTICS": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
THREADS = (
    *("POLARS_MAX_THREADS", "RAYON_NUM_THREADS", "OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "MKL_NUM_THREADS"),
    *("OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"),
)
"""Variables by which libraries count their threads; at a wrong one some crash and some do as they like."""
MOST_THREADS = 1024
KEPT = "Replies and finished stages are kept: run the same command again"
LONGEST = 600
"""Characters of a line of an error."""


class Parser(argparse.ArgumentParser):
    """Report what does not fit in one line, with near names; --help lists everything."""

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse words. A wrong option is an error that names near ones."""
        found, rest = self.parse_known_args(args, namespace)
        if rest:
            name, chosen = rest[0].partition("=")[0], self._chosen(sys.argv[1:] if args is None else args)
            known = [option for option in chosen._option_string_actions if option.startswith("--")]
            is_option = name.startswith("-")
            chosen.error(
                unknown_name("option", name, known) if is_option else f"unexpected argument '{name[:80]}'"
            )
        return found

    def _chosen(self, words: Sequence[str]) -> argparse.ArgumentParser:
        """Find the parser of the command that some words choose; this one without any."""
        found: argparse.ArgumentParser = self
        for word in words:
            for action in found._actions:
                if isinstance(action, argparse._SubParsersAction) and word in action.choices:
                    found = action.choices[word]
        return found

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Replace argparse's list of all choices by near names."""
        if action.choices is not None and value not in action.choices:
            named = isinstance(action, argparse._SubParsersAction)
            known = [str(each) for each in action.choices]
            kind = "command" if named else f"value of {'/'.join(action.option_strings) or action.dest}"
            raise argparse.ArgumentError(None, unknown_name(kind, value, known))

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the command line, and exit with 2."""
        say_error(self.prog, f"{message}{'' if message.endswith('?') else ';'} usage: {self.prog} --help")
        raise SystemExit(2)


def run_command(name: str, work: Callable[[], int]) -> int:
    """Run a command and return its exit code; print an error that the user can fix in one or two lines."""
    open_streams()
    try:
        check_environment()
        os.environ.update({key: value for key, value in QUIET.items() if key not in os.environ})
        return _flushed(work)
    except UserError as error:
        say_error(name, str(error))
    except UnicodeEncodeError as error:
        if error.encoding == "utf-8":
            raise
        say_error(name, f"{error.object[:80]!a} can be no path in this locale; set PYTHONUTF8=1")
    except BrokenPipeError as error:
        if _is_unread():
            return 0
        say_error(name, str(error))
    except OSError as error:
        say_error(name, _explain(error))
    except MemoryError:
        free = memory.available_bytes()
        more = "" if free is None else f" {memory.format_bytes(free)} are free."
        say_error(name, f"memory is full: Python could not allocate more.{more}\n{KEPT} with more memory")
    except KeyboardInterrupt as error:
        say_error(name, str(error) or "interrupted")
        return 130
    return 1


def _explain(error: OSError) -> str:
    """Explain a failing disk or an unusable path."""
    if is_full_disk(error):
        return explain_full_disk(error.filename)
    if error.errno == errno.EROFS:
        return explain_read_only(error.filename)
    return f"{error.filename or 'disk'}: {error.strerror or error}"


def _flushed(work: Callable[[], int]) -> int:
    """Run a command and flush its output here, where a failure can still be reported."""
    try:
        return work()
    finally:
        sys.stdout.flush()


def _is_unread() -> bool:
    """Whether standard output is a pipe that nobody reads; then the rest of it goes nowhere."""
    try:
        print_text("\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False


def open_streams() -> None:
    """Let closed streams lead nowhere, and have what an encoding lacks written as its number.

    A closed one would give its descriptor to the next file that is opened, and prints would go there.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def check_environment() -> None:
    """Raise UserError if a number of threads is invalid, or DVC would find no home folder."""
    try:
        Path.home()
    except RuntimeError as error:
        raise UserError(
            "$HOME is not set, and this user has no folder; set HOME to a folder that you may write"
        ) from error
    for name in THREADS:
        value = os.environ.get(name, "")
        # OpenMP takes a list, a number for each level.
        parts = value.split(",") if value and name.startswith("OMP_") else [value] if value else []
        if not all(_is_count(part.strip()) for part in parts):
            raise UserError(
                f"${name} is {value[:40]!r}; expected threads from 1 to {MOST_THREADS:,}, or no such variable"
            )


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= MOST_THREADS


def say_error(name: str, message: str) -> None:
    """Say an error on standard error, in two lines at most."""
    lines = [
        line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} … {line[-LONGEST // 2 :]}"
        for line in message.split("\n")[:2]
    ]
    with suppress(OSError, ValueError):
        log(f"{name}: " + "\n".join(lines))
