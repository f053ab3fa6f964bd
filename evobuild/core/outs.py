"""Write a stage's outputs atomically, and never over anything else.

An existing path is replaced only if it is known to be an output: at the path that the script declares (a
file by a file, a folder by a folder, a table by either, see `table_parts`), or if it is unchanged since a
stage wrote it, which a file in `.evobuild/locks` records. A path that does not exist can be written anywhere.
All else is refused before anything runs, and so are links, `.` and `..`, and an output that is, contains or
is inside an input or another output.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TextIO

from evobuild.core.errors import NothingLeft, UserError
from evobuild.core.private_files import private_file

LOCKS = Path(".evobuild/locks")

TABLE = ".parquet"
"""Suffix of a table: a file, or a folder of such files."""

LOCK_WAIT = 5.0
"""Seconds to wait for a killed predecessor to let go of an out."""


@contextmanager
def atomic_outputs(
    *outs: Path, declared: Collection[Path] = (), inputs: Collection[Path] = ()
) -> Iterator[list[Path]]:
    """Give a temporary path for each out; on success they take the real names, else they are removed.

    Of a stage that has lost all its rows, the rejects stay.

    declared: outputs that may replace an older one. inputs: what is read, and so not written.

    Raises UserError if an output may not be written at its path, or another process is writing it.
    """
    for out in outs:
        _refuse_place(out)
    temporary = [out.with_name(f".{out.name}.partial") for out in outs]
    _refuse_overlaps([*outs, *temporary], inputs)
    with ExitStack() as stack:
        locks = [stack.enter_context(_lock(out)) for out in outs]
        for out, lock in zip(outs, locks, strict=True):
            _refuse_foreign(out, lock, out in declared)
        for path in temporary:
            path.parent.mkdir(parents=True, exist_ok=True)
            _remove(path)
            stack.callback(_remove, path)
        try:
            yield temporary
        except NothingLeft as error:
            for path, out, lock in zip(temporary, outs, locks, strict=True):
                if path == error.rejects:
                    _give_name(path, out, lock)
            raise
        for path, out in zip(temporary, outs, strict=True):
            _refuse_other_kind(out, path.is_dir())
        for path, out, lock in zip(temporary, outs, locks, strict=True):
            _give_name(path, out, lock)


def _give_name(path: Path, out: Path, lock: TextIO) -> None:
    """Let what was written take its real name."""
    if out.is_dir() or path.is_dir():
        _remove(out)
    path.replace(out)
    _record(lock, out)


def _real(path: Path) -> Path:
    """Resolve links and `..` in a path, except in its last part."""
    return Path(os.path.realpath(path.parent), path.name)


def _refuse_overlaps(outs: Collection[Path], inputs: Collection[Path]) -> None:
    """Raise UserError if an output is, contains or is inside an input or another output."""
    taken = [(path, Path(os.path.realpath(path))) for path in inputs]
    for out in outs:
        real = Path(os.path.realpath(out))
        for other, place in taken:
            if real == place or real in place.parents or place in real.parents:
                raise UserError(
                    f"{out} is to be written, but {other} is read or written, too; give another path"
                )
        taken.append((out, real))


def _refuse_place(out: Path) -> None:
    """Raise UserError at a path that names no entry of a folder, or that goes through a link."""
    if out.name in ("", ".."):
        raise UserError(
            f"{out} is to be written, but it is a folder that holds other things; give another path"
        )
    # Links outside the project are the system's: /tmp is one on some systems.
    here, written = Path.cwd(), Path(os.path.normpath(Path.cwd() / out))
    if out.is_symlink() or (here in written.parents and _real(out) != written):
        raise UserError(
            f"{out} is to be written, but it is or lies behind a symbolic link; give its real path"
        )


def _refuse_foreign(out: Path, lock: TextIO, is_declared: bool) -> None:
    """Raise UserError if the path exists and is not known to be an output."""
    if not out.exists():
        return
    if is_declared:
        _refuse_other_kind(out, not out.suffix)
    elif _state(out) != _recorded(lock):
        raise UserError(
            f"{out} is there already, and no stage wrote it so; move it away, or give another path"
        )


def _refuse_other_kind(out: Path, is_folder: bool) -> None:
    if out.suffix == TABLE and (out.is_file() or _is_table_of_parts(out)):
        return
    if out.exists() and (out.is_dir() != is_folder or not (out.is_dir() or out.is_file())):
        kind = "a folder" if is_folder else "a file"
        raise UserError(f"{out} is there already, and it is not {kind}, as this out is; move it away")


def _is_table_of_parts(out: Path) -> bool:
    return out.is_dir() and all(file.is_file() and file.suffix == TABLE for file in out.iterdir())


def _state(out: Path) -> str:
    """Hash the state of an output, so that a later change is noticed: 32 hex digits."""
    found = ((path, path.lstat()) for path in [out, *sorted(out.rglob("*"))])
    states = [
        (str(path.relative_to(out)), each.st_dev, each.st_ino, each.st_mtime_ns) for path, each in found
    ]
    return hashlib.blake2b(repr(states).encode(), digest_size=16).hexdigest()


def _recorded(lock: TextIO) -> str:
    lock.seek(0)
    return lock.read()


def _record(lock: TextIO, out: Path) -> None:
    lock.truncate(0)
    lock.write(_state(out))
    lock.flush()


@contextmanager
def _lock(out: Path) -> Iterator[TextIO]:
    """Hold the sole right to write an out; the lock goes with the process, however it ends."""
    digest = hashlib.blake2b(os.fsencode(_real(out)), digest_size=8).hexdigest()
    with private_file(LOCKS / digest).open("a+", encoding="ascii") as handle:
        deadline = time.monotonic() + LOCK_WAIT
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise UserError(f"{out}: another process is writing it; wait for it or stop it") from None
                time.sleep(0.05)
        yield handle


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
