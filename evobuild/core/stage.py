"""The frame around every stage script: arguments, params, locks, whole outs, errors.

A script defines `main(params, parent: Path, child: Out, …)` and ends with `run(main, reads=…)`.
Each `Path` argument becomes a required option that is read, each `Out` one that is written: main
gets a temporary path beside it, which takes the real name when main returns. So an out is whole or
absent, a second writer is refused, and a stage dies with the process that started it.
"""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import hashlib
import inspect
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NewType, NoReturn

from evobuild.core.errors import UserError

# Run as a file, a script has its own folder first on the path, where `select` and `evaluate` would
# hide the modules of these names that other packages import.
if Path(sys.path[0]).name == "stages":
    sys.path[0] = str(Path(sys.path[0]).parent)

Out = NewType("Out", Path)
"""A path that a stage writes; a file or a folder."""

LOCKS = Path(".evobuild/locks")

LOCK_WAIT = 5.0
"""Seconds to wait for a killed predecessor to let go of an out."""

QUIET = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "DVC_NO_ANALYTICS": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


def run(main: Callable[..., None], reads: tuple[str, ...] | None = ()) -> NoReturn:
    """Run a stage's main with the paths of the command line, and exit.

    reads: what it reads of params.yaml, as `params.load` takes it; None is the whole file.

    Exit code 0; 1 after a UserError or a failing disk, said in one or two lines; 130 if interrupted.
    """
    _die_with_parent()
    os.environ.update({key: value for key, value in QUIET.items() if key not in os.environ})
    arguments = _parser(main).parse_args()
    name = Path(sys.argv[0]).stem
    try:
        _call(main, vars(arguments), reads)
    except UserError as error:
        sys.exit(f"{name}: {error}")
    except OSError as error:
        sys.exit(f"{name}: {error.filename or 'disk'}: {error.strerror or error}")
    except KeyboardInterrupt:
        sys.stderr.write(f"{name}: interrupted\n")
        sys.exit(130)
    sys.exit(0)


def _call(main: Callable[..., None], arguments: dict[str, Path], reads: tuple[str, ...] | None) -> None:
    from evobuild.core.params import load

    params = load(arguments.pop("params"), reads)
    outs = [name for name, kind in paths(main).items() if kind == "Out"]
    for name in arguments.keys() - outs:
        if not arguments[name].exists():
            raise UserError(
                f"--{name.replace('_', '-')}: {arguments[name]} does not exist; run the stage that makes it"
            )
    with whole(*(arguments[name] for name in outs)) as temporary:
        main(params, **arguments | dict(zip(outs, temporary, strict=True)))


@contextmanager
def whole(*outs: Path) -> Iterator[list[Path]]:
    """Give a temporary path for each out; on success they take the real names, else they are removed.

    Raises UserError if another process is writing one of them.
    """
    with ExitStack() as stack:
        for out in outs:
            out.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(_lock(out))
        temporary = [out.with_name(f".{out.name}.partial") for out in outs]
        for path in temporary:
            _remove(path)
            stack.callback(_remove, path)
        yield temporary
        for path, out in zip(temporary, outs, strict=True):
            if out.is_dir():
                shutil.rmtree(out)
            path.replace(out)


@contextmanager
def _lock(out: Path) -> Iterator[None]:
    """Hold the sole right to write an out; the lock goes with the process, however it ends."""
    digest = hashlib.blake2b(os.fsencode(out.absolute()), digest_size=8).hexdigest()
    LOCKS.mkdir(parents=True, exist_ok=True)
    with (LOCKS / digest).open("a+") as handle:
        deadline = time.monotonic() + LOCK_WAIT
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise UserError(f"{out}: another process is writing it; wait for it or stop it") from None
                time.sleep(0.05)
        yield


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def paths(main: Callable[..., None]) -> dict[str, str]:
    """The arguments of a stage's main after `params`: name to 'Path' or 'Out'."""
    parameters = list(inspect.signature(main).parameters.values())[1:]
    return {parameter.name: str(parameter.annotation) for parameter in parameters}


def _parser(main: Callable[..., None]) -> argparse.ArgumentParser:
    description = sys.modules[main.__module__].__doc__
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    for name, kind in paths(main).items():
        verb = "written" if kind == "Out" else "read"
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=Path, required=True, metavar="PATH", help=verb
        )
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), metavar="PATH", help="read")
    return parser


def _die_with_parent() -> None:
    """Have the kernel kill this process when its parent dies (Linux; elsewhere nothing is done)."""
    if not sys.platform.startswith("linux"):
        return
    parent = os.getppid()
    pr_set_pdeathsig = 1
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def log(message: Any) -> None:
    """Say something in the stage's log (standard error)."""
    print(message, file=sys.stderr, flush=True)
